"""Who loses the right to read is told so on every worker, once, though nothing happens there; who keeps it isn't."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest

from api.propagation import following
from models.clock import now
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.policy import Policy, PolicyMode
from models.role import Grant, GrantEffect, Role, RoleAssignment
from models.user import User
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore
from resolvers.chat.events import channel
from resolvers.context import Context
from resolvers.ids import encode, object_id
from resolvers.live import Broker, RedisBroker, Standings
from tests.permissions.people import given, person
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import append, start
from tests.resolvers.chat.test_deletions import CLOSE
from tests.resolvers.chat.test_sharing import share
from tests.served import Caller, Served, schema

SCHEMA: Final = schema()
EVENTS: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  __typename cursor ... on AccessRevoked { reason decisionId }
  ... on MessageAdded { message { content metadata { llmModel } } } } }"""
UPDATE: Final = (
    "mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }"
)
SOON: Final = timedelta(seconds=0.7)


@dataclass
class Worker:
    """Another one, over the same stores."""

    served: Served
    broker: Broker
    standings: Standings

    def context(self, user: User) -> Context:
        """A socket's."""
        store = self.standings.store
        on_socket = context(self.served, "alice", None)  # type: ignore[arg-type]  # it is judged when it subscribes
        return replace(
            on_socket,
            principal=Principal(user.id, new_id()),
            broker=self.broker,
            standings=self.standings,
            permissions=store,
            judge=lambda principal, _: store.access(principal),
            socket=True,
            cutoff=Cutoff(),
        )

    @asynccontextmanager
    async def follow(self, user: User, conversation: str) -> AsyncIterator[AsyncIterator[Any]]:
        """Results for whoever follows it; listening has begun."""
        mine = self.context(user)
        mine.access = await mine.judged()
        stream = await SCHEMA.subscribe(EVENTS, {"id": conversation}, context_value=mine)
        async with aclosing(cast(Any, stream)) as results:
            first = asyncio.ensure_future(anext(results))
            while not first.done():
                await self.broker.publish(channel(object_id(conversation, "Conversation")), b"{}")
                await asyncio.wait({first}, timeout=0.05)
            assert first.result().data["conversationEvents"]["__typename"] == "ConversationChanged", first.result()
            yield results


@asynccontextmanager
async def working(served: Served, stores: EmbeddedStores) -> AsyncIterator[Worker]:
    """The other worker, which hears of changes as any does."""
    standings = Standings(PermissionStore())
    async with RedisBroker(stores.redis_url) as broker, following(broker, standings):
        yield Worker(served, broker, standings)


@dataclass
class Reader:
    """Somebody of a team of his own, who follows a conversation of Alice's that nobody else does."""

    served: Served
    alice: Caller
    user: User
    conversation: str
    name: str
    held: RoleAssignment

    @property
    def changes(self) -> PermissionChanges:
        return self.served.services.changes

    async def deny(self, when: str = "true", changes: PermissionChanges | None = None) -> None:
        condition = f'has(user.teams) && "{self.name}" in user.teams && {when}'
        policy = Policy(id=self.name, effect=GrantEffect.DENY, actions=["message:read"], when=condition)
        await (changes or self.changes).put_policy(policy, SYSTEM)

    async def end(self) -> None:
        await self.changes.end_assignment(self.held.id, SYSTEM)

    async def share(self, **input: Any) -> None:
        assert (await share(self.alice, self.conversation, **input)).data

    async def update(self, **input: Any) -> None:
        answer = await self.alice.ask(UPDATE, input={"conversationId": self.conversation, **input})
        assert answer.data

    @property
    def user_id(self) -> str:
        return encode("User", self.user.id)

    def role(self, *actions: str, condition: str | None = None) -> Role:
        grants = [Grant(action=action, condition=condition) for action in actions]
        return Role(id=self.name, grants=[*grants, Grant(action="message:read_metadata")])


async def role_ended(reader: Reader) -> None:
    await reader.end()


async def role_without_grant(reader: Reader) -> None:
    await reader.changes.put_role(reader.role("conversation:read"), SYSTEM)


async def role_deleted(reader: Reader) -> None:
    await reader.changes.delete_role(reader.name, SYSTEM, cascade=True)


async def assignment_over(reader: Reader) -> None:
    until = given(reader.user, reader.name, valid_until=now() + SOON)
    await reader.changes.assign(until, SYSTEM)
    await reader.end()


async def denied_by_policy(reader: Reader) -> None:
    await reader.deny()


async def policy_deleted(reader: Reader) -> None:
    policy = Policy(
        id=reader.name,
        effect=GrantEffect.ALLOW,
        actions=["conversation:read", "message:read"],
        when=f'"{reader.name}" in user.teams',
    )
    await reader.changes.put_policy(policy, SYSTEM)
    await reader.end()
    await reader.changes.put_policy(policy.model_copy(update={"mode": PolicyMode.OFF}), SYSTEM)


async def time_of_policy(reader: Reader) -> None:
    await reader.deny(f'env.time > timestamp("{(now() + SOON).isoformat()}")')


async def without_a_word(reader: Reader) -> None:
    """As a worker that dies after its write, or can't reach Redis."""
    await reader.deny(changes=PermissionChanges(PermissionStore()))


async def user_attributes(reader: Reader) -> None:
    await reader.changes.put_role(
        reader.role("conversation:read", "message:read", condition="user.clearance >= 2"), SYSTEM
    )
    await reader.changes.set_attributes(reader.user.id, {"teams": [reader.name], "clearance": 1}, SYSTEM)


async def conversation_attributes(reader: Reader) -> None:
    condition = 'resource.region == "EMEA"'
    await reader.changes.put_role(reader.role("conversation:read", "message:read", condition=condition), SYSTEM)
    await reader.update(attributes={"region": "APAC"})


async def share_taken_back(reader: Reader) -> None:
    await reader.share(userId=reader.user_id)
    await reader.end()
    await reader.share(userId=reader.user_id, access="NONE")


async def share_over(reader: Reader) -> None:
    await reader.share(userId=reader.user_id, until=(now() + SOON).isoformat())
    await reader.end()


async def share_gone_without_a_word(reader: Reader) -> None:
    await reader.share(userId=reader.user_id)
    await reader.end()
    found = Conversation.find_one({"_id": object_id(reader.conversation, "Conversation")})
    await found.update({"$set": {"shares": [], "grantees": []}})


async def account_closed(reader: Reader) -> None:
    await reader.changes.set_disabled(reader.user.id, True, SYSTEM)


async def conversation_deleted(reader: Reader) -> None:
    assert (await reader.alice.ask(CLOSE, id=reader.conversation)).data


async def shared_with_him(reader: Reader) -> None:
    """By which he reads from then on."""
    await reader.share(userId=reader.user_id)
    await reader.end()


async def another_title(reader: Reader) -> None:
    await reader.update(title="another")


async def role_of_another(reader: Reader) -> None:
    await reader.changes.assign(given(reader.served.people["bob"], reader.name), SYSTEM)


async def policy_about_others(reader: Reader) -> None:
    policy = Policy(
        id=reader.name,
        effect=GrantEffect.DENY,
        actions=["message:read"],
        when='has(user.teams) && "none" in user.teams',
    )
    await reader.changes.put_policy(policy, SYSTEM)


Change = Callable[[Reader], Awaitable[None]]
LOST: Final[tuple[Change, ...]] = (
    role_ended,
    role_without_grant,
    role_deleted,
    assignment_over,
    denied_by_policy,
    policy_deleted,
    time_of_policy,
    without_a_word,
    user_attributes,
    conversation_attributes,
    share_taken_back,
    share_over,
    share_gone_without_a_word,
    account_closed,
    conversation_deleted,
)
KEPT: Final[tuple[Change, ...]] = (shared_with_him, another_title, role_of_another, policy_about_others)
UNDECIDED: Final[Mapping[Change, str]] = {
    account_closed: "not signed in any more",
    conversation_deleted: "conversation is gone",
}
"""There is nobody, or nothing, to decide about: why it is over then."""


async def reader_of(served: Served, alice: Caller, name: str) -> Reader:
    user = await person(name, {"teams": [name], "clearance": 2})
    conversation = await start(alice, attributes={"region": "EMEA"})
    held = given(user, name)
    reader = Reader(served, alice, user, conversation, name, held)
    await reader.changes.put_role(reader.role("conversation:read", "message:read"), SYSTEM)
    await reader.changes.assign(held, SYSTEM)
    (reader.held,) = await RoleAssignment.find({"user_id": user.id}).to_list()
    return reader


async def last_of(results: AsyncIterator[Any]) -> list[dict[str, Any]]:
    """All that comes to its end."""
    found = [result async for result in results]
    assert not any(result.errors for result in found)
    return [result.data["conversationEvents"] for result in found]


async def test_whatever_takes_the_right_away_ends_the_subscription_on_another_worker(
    served: Served, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live.standings.SWEEP_SECONDS", 0.3)
    alice = await served.as_("alice")
    readers = {change: await reader_of(served, alice, change.__name__) for change in (*LOST, *KEPT)}
    async with asyncio.timeout(60), working(served, stores) as worker, AsyncExitStack() as stack:
        streams = {
            change: await stack.enter_async_context(worker.follow(reader.user, reader.conversation))
            for change, reader in readers.items()
        }
        for change, reader in readers.items():
            await change(reader)
        for change in LOST:
            told = await last_of(streams[change])
            assert [each["__typename"] for each in told if each["__typename"] != "ConversationChanged"] == [
                "AccessRevoked"
            ], change
            assert told[-1]["__typename"] == "AccessRevoked", change
            decision = told[-1]["decisionId"]
            assert (decision is None) is (change in UNDECIDED), (change, told)
            assert UNDECIDED.get(change, "may not read the conversation any more") in told[-1]["reason"], change
            assert decision is None or await served.services.audit.find_decision(decision), change
        for change in KEPT:
            await append(alice, readers[change].conversation, "news")
            kept = await anext(streams[change])
            while kept.data["conversationEvents"]["__typename"] == "ConversationChanged":
                kept = await anext(streams[change])
            assert kept.data["conversationEvents"]["message"]["content"] == "news", change
