"""Requests through GraphQL beside the same requests to an endpoint that somebody wrote by hand.

`make bench ARGS="-k http"`; `BENCH_ROUNDS` and `BENCH_SECONDS` (of each round) make it longer or shorter.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from api.cli.serve import environment
from api.settings import Settings
from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.tree import Sprout
from resolvers.ids import encode
from tests.benchmarks.load import ask, request
from tests.benchmarks.report import Table, publish
from tests.benchmarks.rounds import Contender, alternate, rows
from tests.benchmarks.servers import Server, serving
from tests.served import Caller, Served, settings_on

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS: Final = (1, 32)
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
    """The same thing, asked both ways. `differs` are fields that two writes cannot have in common."""

    name: str
    graphql: Sequence[str]
    handwritten: Sequence[str]
    differs: frozenset[str] = frozenset()


async def test_http_requests_are_measured_beside_handwritten_endpoints(
    served: Served, stores: EmbeddedStores, tmp_path: Path
) -> None:
    alice = await served.as_("alice")
    works = [await _page(served, alice), _me(alice), await _append(served, alice)]
    with _servers(_settings(served, stores), tmp_path) as (graphql, handwritten):
        for work in works:
            await _require_equal(work, graphql, handwritten)
        figures = [
            row
            for work in works
            for connections in CONNECTIONS
            for row in await asyncio.to_thread(_compared, work, connections, graphql, handwritten)
        ]
    note = (
        f"Medians (lowest to highest) of {ROUNDS} alternating rounds of {SECONDS:g} s, one process each on the same "
        "embedded stores; the ratio is the median of the rounds' ratios."
    )
    head = ["", "Parley, GraphQL", "by hand, Starlette + PyMongo + orjson", "ratio"]
    publish("http", [Table("Through GraphQL, and without", head, figures)], [note])


def _compared(work: Work, connections: int, graphql: Server, handwritten: Server) -> list[list[str]]:
    contenders = [Contender(graphql, work.graphql), Contender(handwritten, work.handwritten)]
    plural = "s" if connections > 1 else ""
    return rows(f"{work.name}, {connections} connection{plural}", alternate(contenders, connections, ROUNDS, SECONDS))


async def _require_equal(work: Work, graphql: Server, handwritten: Server) -> None:
    """A baseline that gave another answer would measure something else."""
    through = await ask(graphql.port, work.graphql[0])
    by_hand = await ask(handwritten.port, work.handwritten[0])
    assert _without(through, work.differs) == _without(by_hand, work.differs)


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


@contextmanager
def _servers(settings: Settings, folder: Path) -> Iterator[tuple[Server, Server]]:
    variables = environment(settings)
    with (
        serving("api.worker", variables, folder / "graphql.log") as graphql,
        serving("tests.benchmarks.handwritten", variables, folder / "handwritten.log") as handwritten,
    ):
        yield graphql, handwritten


def _settings(served: Served, stores: EmbeddedStores) -> Settings:
    return settings_on(
        stores,
        served.services.database.db.name,
        log_level="info",
        rate_budgets=1_000_000,
        rate_budgets_address=1_000_000,
    )


async def _page(served: Served, alice: Caller) -> Work:
    conversation = _conversation(served, alice)
    await served.services.tree.plant(conversation, _sprouts(alice), MESSAGES - 1)
    assert alice.token
    variables = {"id": encode("Conversation", conversation.id), "last": PAGE}
    through = request("POST", "/graphql", alice.token, {"query": PAGE_QUERY, "variables": variables})
    by_hand = request("GET", f"/conversations/{conversation.id}/messages?last={PAGE}", alice.token)
    return Work(f"last page of {PAGE} messages", [through], [by_hand])


def _me(alice: Caller) -> Work:
    assert alice.token
    through = request("POST", "/graphql", alice.token, {"query": ME_QUERY})
    return Work("`{ me { id } }`", [through], [request("GET", "/me", alice.token)])


async def _append(served: Served, alice: Caller) -> Work:
    """To a conversation for each connection, as people do not all write to the same one."""
    through: list[str] = []
    by_hand: list[str] = []
    assert alice.token
    for _ in range(max(CONNECTIONS)):
        first, second = _conversation(served, alice), _conversation(served, alice)
        for conversation in (first, second):
            await served.services.tree.start(conversation)
        content = {"conversationId": encode("Conversation", first.id), "content": TEXT}
        through.append(request("POST", "/graphql", alice.token, {"query": APPEND, "variables": {"input": content}}))
        by_hand.append(request("POST", f"/conversations/{second.id}/messages", alice.token, {"content": TEXT}))
    return Work("append a message", through, by_hand, frozenset({"id", "createdAt"}))


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


def _sprout(alice: Caller, place: int, parent: int | None, begun: Any) -> Sprout:
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
