"""What the contenders over HTTP are asked for: the same of each, in GraphQL or by an endpoint of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.tree import Sprout
from resolvers.ids import encode
from tests.benchmarks.load import NoAnswerError, ask, request
from tests.benchmarks.servers import Server
from tests.served import Caller, Served

BY_HAND: Final = "by hand"
UNSEEN: Final = {"data": {"conversation": None}}
"""How GraphQL says 404."""
MESSAGES: Final = 1_000
PAGE: Final = 50

PAGE_QUERY: Final = """
query Page($id: ID!, $last: Int) {
  conversation(id: $id) {
    messages(last: $last) {
      edges {
        node {
          id depth role content createdAt status siblingCount siblingIndex
          metadata { llmModel tokensUsed latencyMs }
        }
      }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
ME_QUERY: Final = "{ me { id } }"
APPEND: Final = """
mutation Append($input: AppendMessageInput!) {
  appendMessage(input: $input) { message { id depth role content createdAt status } }
}
"""
TEXT: Final = "Größe ist nicht alles: a message of three hundred characters, as people write them to a machine. " * 3


@dataclass(frozen=True)
class Work:
    """One thing to do, and how each contender is asked for it: a request for each connection, or one for all.

    Who isn't in `requests` can't do it. `differs` are fields that two writes cannot have in common.
    """

    name: str
    requests: Mapping[str, Sequence[str]]
    differs: frozenset[str] = frozenset()

    async def answers(self, servers: Mapping[str, Server]) -> dict[str, Any]:
        """What each contender says, but for what differs; None where it says nothing."""
        return {
            name: await _answer(server, self.requests[name][0], self.differs)
            for name, server in servers.items()
            if name in self.requests
        }


async def planted(served: Served, alice: Caller) -> Conversation:
    """A long conversation of hers, about which the demo's other people have different rights."""
    conversation = _conversation(served, alice)
    await served.services.tree.plant(conversation, _sprouts(alice), MESSAGES - 1)
    return conversation


def page(conversation: Conversation, caller: Caller, names: Iterable[str], *others: Conversation) -> Work:
    """The end of it; where there are `others`, each connection reads one of its own, as people do."""
    requests = [_page(each, caller, names) for each in (conversation, *others)]
    asked = {name: [request for each in requests for request in each[name]] for name in requests[0]}
    return Work(f"last page of {PAGE} messages", asked)


def _page(conversation: Conversation, caller: Caller, names: Iterable[str]) -> dict[str, list[str]]:
    variables = {"id": encode("Conversation", conversation.id), "last": PAGE}
    by_hand = request("GET", f"/conversations/{conversation.id}/messages?last={PAGE}", _token(caller))
    return _either(names, _graphql(caller, PAGE_QUERY, variables), by_hand)


def me(caller: Caller, names: Iterable[str]) -> Work:
    """Next to nothing: what a request costs by itself."""
    by_hand = request("GET", "/me", _token(caller))
    return Work("`{ me { id } }`", _either(names, _graphql(caller, ME_QUERY), by_hand))


async def append(served: Served, alice: Caller, names: Iterable[str], connections: int) -> Work:
    """To a conversation for each connection, as people do not all write to the same one; each contender to others."""
    requests = {name: [await _appending(served, alice, name) for _ in range(connections)] for name in names}
    return Work("append a message", requests, frozenset({"id", "createdAt"}))


async def _appending(served: Served, alice: Caller, name: str) -> str:
    conversation = _conversation(served, alice)
    await served.services.tree.start(conversation)
    if name == BY_HAND:
        return request("POST", f"/conversations/{conversation.id}/messages", _token(alice), {"content": TEXT})
    content = {"conversationId": encode("Conversation", conversation.id), "content": TEXT}
    return _graphql(alice, APPEND, {"input": content})


def _either(names: Iterable[str], through: str, by_hand: str) -> dict[str, list[str]]:
    return {name: [by_hand if name == BY_HAND else through] for name in names}


def _graphql(caller: Caller, query: str, variables: Mapping[str, Any] | None = None) -> str:
    body = {"query": query} | ({} if variables is None else {"variables": variables})
    return request("POST", "/graphql", _token(caller), body)


def _token(caller: Caller) -> str:
    assert caller.token
    return caller.token


async def _answer(server: Server, sent: str, differs: frozenset[str]) -> Any:
    try:
        answer = await ask(server.port, sent)
    except NoAnswerError:
        return None
    return None if answer == UNSEEN else _without(answer, differs)


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _conversation(served: Served, alice: Caller) -> Conversation:
    assert alice.user
    return Conversation(
        owner_id=alice.user.id,
        attributes={"region": "EMEA", "department": "Sales", "clearance_required": 1},
        started_at=now(),
        updated_at=now(),
        slot_width=served.services.tree.limits.bucket_messages,
    )


def _sprouts(alice: Caller) -> list[Sprout]:
    """A long path, and a few messages that were written anew."""
    begun = now() - timedelta(days=1)
    path = [_sprout(alice, place, place - 1 if place else None, begun) for place in range(MESSAGES)]
    return path + [_sprout(alice, place, place - 1, begun) for place in range(MESSAGES - PAGE, MESSAGES, 10)]


def _sprout(alice: Caller, place: int, parent: int | None, begun: datetime) -> Sprout:
    asked = place % 2 == 0
    metadata = Metadata(llm_model="gpt-4o", tokens_in=40 + place, tokens_out=80, latency_ms=900 + place)
    return Sprout(
        parent=parent,
        role=MessageRole.USER if asked else MessageRole.ASSISTANT,
        content=f"{place}. {TEXT}",
        created_at=begun + timedelta(seconds=place),
        author_id=alice.user.id if asked and alice.user else None,
        metadata=None if asked else metadata,
    )
