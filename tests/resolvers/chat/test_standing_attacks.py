"""What a standing costs, and what happens between judging and telling, or where nobody can judge."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from api.propagation import following
from models.clock import now
from models.embedded import EmbeddedStores
from models.policy import Policy
from models.role import GrantEffect, RoleAssignment
from models.user import User
from permissions.changes import SYSTEM
from permissions.engine.decision import Decision
from permissions.engine.facts import Subject
from permissions.engine.snapshot import Snapshot
from permissions.store import Ground, PermissionStore
from resolvers.chat.events import channel
from resolvers.chat.standing import Standing
from resolvers.chat.tree import load_message
from resolvers.ids import object_id
from resolvers.live import MemoryBroker, RedisBroker, Standings
from tests.database_calls import database_calls
from tests.permissions.people import given
from tests.resolvers.chat.documents import append
from tests.resolvers.chat.test_standing import Worker, last_of, reader_of, working
from tests.served import Served

CROWD = 400


async def told(results: Any) -> dict[str, Any]:
    """The next event, but for changes of the conversation."""
    while True:
        found: dict[str, Any] = (await anext(results)).data["conversationEvents"]
        if found["__typename"] != "ConversationChanged":
            return found


async def counted(results: Any) -> Counter[tuple[str, str]]:
    """The database calls of the next event."""
    with database_calls(own=True) as calls:
        await told(results)
    return Counter(calls)


async def test_while_rights_are_as_they_were_an_event_costs_its_message_and_a_piece_nothing(
    served: Served, stores: EmbeddedStores
) -> None:
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    stored_id = object_id(reader.conversation, "Conversation")
    async with working(served, stores) as worker, worker.follow(reader.user, reader.conversation) as results:
        first = await append(alice, reader.conversation, "first")
        await told(results)
        await append(alice, reader.conversation, "second", parentId=first["id"])
        assert await counted(results) == {("find", "buckets"): 1}
        await worker.broker.publish(channel(stored_id), b"main.9 0 a piece of another")
        assert not await counted(results)


async def test_a_change_for_hundreds_costs_a_few_calls_and_each_is_told(served: Served, stores: EmbeddedStores) -> None:
    """They are as many accounts, none of which the worker remembers when the rules change."""
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "crowd")
    base = reader.user.model_dump(exclude={"id", "email", "email_key"})
    crowd = [User(**base, email=f"{n}@example.org", email_key=f"{n}@example.org") for n in range(CROWD)]
    await User.insert_many(crowd)
    await RoleAssignment.insert_many([given(each, "crowd") for each in crowd])
    async with working(served, stores) as worker:
        contexts = [worker.context(each) for each in crowd]
        standings = [Standing(each, object_id(reader.conversation, "Conversation")) for each in contexts]
        ended = asyncio.Event()
        left = Counter(standings)

        def end(standing: Standing) -> None:
            del left[standing]
            if not left:
                ended.set()

        with ExitStack() as held:
            for standing in standings:
                held.enter_context(standing.held(lambda each=standing: end(each)))  # type: ignore[misc]
            await worker.standings.store.remember(each.id for each in crowd)
            for asker, standing in zip(contexts, standings, strict=True):
                asker.access = await asker.judged()
                assert await standing.judged()
            worker.standings.store._subjects.clear()
            with database_calls() as calls:
                await reader.deny()
                await asyncio.wait_for(ended.wait(), 30)
            assert not [standing for standing in standings if await standing.judged()]
    counts = Counter(calls)
    batches = 2 * CROWD / 200  # those that are judged already when the next ones come make smaller ones
    assert counts["find", "users"] <= batches + 2
    assert counts["find", "role_assignments"] <= batches + 2
    assert counts["find", "conversations"] == 0
    others = sum(number for (_, collection), number in counts.items() if collection != "permission_changes")
    assert others < CROWD / 10, counts


async def test_a_share_that_ends_concerns_nobody_but_whom_it_is_for(served: Served, stores: EmbeddedStores) -> None:
    """Else whoever shares a conversation for a moment, again and again, has all its followers judged each time."""
    alice = await served.as_("alice")
    reader, other = await reader_of(served, alice, "reader"), await reader_of(served, alice, "other")
    soon = (now() + timedelta(minutes=5)).isoformat()
    async with working(served, stores) as worker:
        deadlines = []
        for whom in (other, reader):
            await reader.share(userId=whom.user_id, until=soon)
            context = worker.context(reader.user)
            context.access = await context.judged()
            standing = Standing(context, object_id(reader.conversation, "Conversation"))
            with standing.held():
                assert await standing.judged()
                deadlines.append(standing.deadline is not None)
    assert deadlines == [False, True]


async def test_who_changes_what_no_right_hangs_on_has_nobody_judged_again(
    served: Served, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever gives a conversation one title after the other keeps a worker busy with all who follow it."""
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    asked, decide = Counter[object](), Snapshot.decide

    def counted(self: Snapshot, subject: Subject, *args: Any) -> Decision:
        asked[subject.id] += 1
        return decide(self, subject, *args)

    async with asyncio.timeout(20), working(served, stores) as worker:
        context = worker.context(reader.user)
        context.access = await context.judged()
        standing = Standing(context, object_id(reader.conversation, "Conversation"))
        with standing.held():
            assert await standing.judged()
            monkeypatch.setattr(Snapshot, "decide", counted)
            await reader.update(title="another")
            while await _title(standing) != "another":  # noqa: ASYNC110 (until the worker has heard of it)
                await asyncio.sleep(0.01)
            assert not asked[reader.user.id]
            await reader.update(attributes={"region": "APAC"})
            while not asked[reader.user.id]:
                await standing.judged()
                await asyncio.sleep(0.01)


async def _title(standing: Standing) -> str | None:
    conversation = (await standing.judged()).conversation
    return conversation and conversation.title


async def test_what_was_loaded_before_the_right_was_lost_is_not_told(
    served: Served, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He is judged, his message is read, and meanwhile an admin ends his role: the answer is not shown."""
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    read = load_message

    async with working(served, stores) as worker, worker.follow(reader.user, reader.conversation) as results:

        async def loaded(*args: Any) -> Any:
            found = await read(*args)
            await reader.end()
            worker.standings.store.forget()
            return found

        monkeypatch.setattr("resolvers.chat.subscriptions.load_message", loaded)
        await append(alice, reader.conversation, "secret")
        assert [each["__typename"] for each in await last_of(results)][-1:] == ["AccessRevoked"]


async def test_a_right_that_comes_back_is_not_taken_up_again(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    async with working(served, stores) as worker, worker.follow(reader.user, reader.conversation) as results:
        lost = asyncio.ensure_future(anext(results))
        await reader.end()
        assert (await lost).data["conversationEvents"]["__typename"] == "AccessRevoked"
        await reader.changes.assign(given(reader.user, "reader"), SYSTEM)
        await append(alice, reader.conversation, "again")
        assert not await last_of(results)


class Failing(PermissionStore):
    """Of a worker that MongoDB is away from, for a while."""

    away = False
    tries = 0

    async def _read(self) -> Ground:
        if self.away:
            self.tries += 1
            raise AutoReconnect("away")
        return await super()._read()


@pytest.mark.parametrize("lost", [False, True])
async def test_while_nobody_can_judge_nothing_is_told_and_nothing_ends(
    served: Served, stores: EmbeddedStores, lost: bool
) -> None:
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    store = Failing()
    standings = Standings(store)
    async with RedisBroker(stores.redis_url) as broker, following(broker, standings):
        worker = Worker(served, broker, standings)
        async with asyncio.timeout(30), worker.follow(reader.user, reader.conversation) as results:
            store.away = True
            if lost:
                await reader.end()
            else:
                await reader.changes.put_policy(unrelated(), SYSTEM)
            await append(alice, reader.conversation, "news")
            coming, begun = asyncio.ensure_future(told(results)), store.tries
            while store.tries < begun + 4:
                await asyncio.wait({coming}, timeout=0.05)
            assert not coming.done()
            store.away = False
            assert (await coming)["__typename"] == ("AccessRevoked" if lost else "MessageAdded")


def unrelated() -> Policy:
    return Policy(id="unrelated", effect=GrantEffect.DENY, actions=["report:read"])


async def test_a_right_to_a_field_is_gone_at_the_next_event(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    reader = await reader_of(served, alice, "reader")
    async with working(served, stores) as worker, worker.follow(reader.user, reader.conversation) as results:
        await append(alice, reader.conversation, "before")
        before = await anext(results)
        assert not before.errors
        policy = Policy(id="field", effect=GrantEffect.DENY, actions=["message:read_metadata"], when="has(user.teams)")
        await reader.changes.put_policy(policy, SYSTEM)
        await worker.standings.store.ground()  # a worker knows of it within a second
        await append(alice, reader.conversation, "after")
        after = await anext(results)
        assert after.data["conversationEvents"]["message"] == {"content": "after", "metadata": None}
        (error,) = after.errors
        assert error.extensions["code"] == "FORBIDDEN"
        assert await served.services.audit.find_decision(error.extensions["decisionId"])


async def test_a_worker_that_hears_nothing_finds_changes_by_itself_and_judges_all_when_it_hears_again(
    served: Served, stores: EmbeddedStores
) -> None:
    """Its broker tells it nothing of what is said elsewhere: as one that has lost Redis."""
    alice = await served.as_("alice")
    reader, other = await reader_of(served, alice, "reader"), await reader_of(served, alice, "other")
    standings = Standings(PermissionStore())
    async with MemoryBroker() as broker, following(broker, standings):
        worker = Worker(served, broker, standings)
        async with (
            asyncio.timeout(30),
            worker.follow(reader.user, reader.conversation) as results,
            worker.follow(other.user, other.conversation) as others,
        ):
            await reader.end()
            assert (await told(results))["__typename"] == "AccessRevoked"
            await other.share(userId=other.user_id)
            await other.end()
            await standings.store.ground()
            await other.share(userId=other.user_id, access="NONE")
            standings.anything_changed()  # what `following` says when it may have missed something
            assert (await told(others))["__typename"] == "AccessRevoked"
