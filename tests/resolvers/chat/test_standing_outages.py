"""Rights that are lost while Redis, or MongoDB, is really gone: nobody is told what he may not read any more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from api.propagation import following
from models.bucket import MessageRole
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.tree import Draft
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore
from resolvers.chat.events import channel
from resolvers.ids import object_id
from resolvers.live import BrokerUnavailableError, RedisBroker, Standings
from resolvers.live.standings import CHANGES
from tests.own_redis import OwnRedis
from tests.processes import kill_9
from tests.resolvers.chat.test_standing import Reader, Worker, last_of, reader_of
from tests.served import Served

AT_ONCE_SECONDS = 5.0
"""For what is promised within one, on a busy machine."""


@pytest.fixture(autouse=True)
def _unswept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by looking at all conversations; and calls fail while MongoDB is away."""
    monkeypatch.setattr("resolvers.live.standings.SWEEP_SECONDS", 1e9)
    monkeypatch.setattr("models.database.TIMEOUT_MS", 2_000)


async def revoked(results: AsyncIterator[Any]) -> bool:
    """Whether that is all that is told."""
    told = [each["__typename"] for each in await last_of(results)]
    return [each for each in told if each not in ("ConversationChanged", "ResyncRequired")] == ["AccessRevoked"]


async def share_lost(reader: Reader, other: RedisBroker) -> None:
    """He reads by it alone; another worker can't say that it is gone."""
    stored_id = object_id(reader.conversation, "Conversation")
    await Conversation.find_one({"_id": stored_id}).update({"$set": {"shares": [], "grantees": []}})
    with pytest.raises(BrokerUnavailableError):
        await other.publish(CHANGES, str(stored_id).encode())


async def test_what_changed_while_redis_was_dead_or_frozen_counts(served: Served) -> None:
    alice = await served.as_("alice")
    ruled, frozen, shared = [await reader_of(served, alice, name) for name in ("ruled", "frozen", "shared")]
    await shared.share(userId=shared.user_id)
    await shared.end()
    silently = PermissionChanges(PermissionStore())
    standings = Standings(PermissionStore())
    with OwnRedis() as redis:
        async with (
            asyncio.timeout(60),
            RedisBroker(redis.url) as other,
            RedisBroker(redis.url) as broker,
            following(broker, standings),
        ):
            worker = Worker(served, broker, standings)
            async with (
                worker.follow(ruled.user, ruled.conversation) as by_rules,
                worker.follow(frozen.user, frozen.conversation) as by_frozen,
                worker.follow(shared.user, shared.conversation) as by_share,
            ):
                with redis.frozen():
                    await silently.end_assignment(frozen.held.id, SYSTEM)
                    async with asyncio.timeout(AT_ONCE_SECONDS):
                        assert await revoked(by_frozen)
                redis.kill()
                assert broker._topics
                for topic in broker._topics._topics.values():  # as if it had come back, and died at once
                    for feed in topic.feeds:
                        feed.rewind()
                await silently.end_assignment(ruled.held.id, SYSTEM)
                await share_lost(shared, other)
                async with asyncio.timeout(AT_ONCE_SECONDS):
                    assert await revoked(by_rules)
                redis.start()
                async with asyncio.timeout(2 * AT_ONCE_SECONDS):  # it is heard of again, and then all are looked at
                    assert await revoked(by_share)


async def test_what_changed_before_mongodb_died_counts_before_anything_is_told(
    served: Served, stores: EmbeddedStores
) -> None:
    alice = await served.as_("alice")
    lost, kept = [await reader_of(served, alice, name) for name in ("lost", "kept")]
    standings = Standings(PermissionStore())
    places = []
    for reader in (lost, kept):
        conversation = await Conversation.get(object_id(reader.conversation, "Conversation"))
        assert conversation
        draft = Draft(MessageRole.USER, "news")
        places.append((await served.services.tree.append_at_end(conversation, "main", draft)).address)
    async with asyncio.timeout(60), RedisBroker(stores.redis_url) as broker, following(broker, standings):
        worker = Worker(served, broker, standings)
        async with (
            worker.follow(lost.user, lost.conversation) as to_lost,
            worker.follow(kept.user, kept.conversation) as to_kept,
        ):
            await PermissionChanges(PermissionStore()).end_assignment(lost.held.id, SYSTEM)
            os.kill(pid := stores.pids()["MongoDB"], signal.SIGSTOP)
            try:
                while standings.store.fresh:  # noqa: ASYNC110 (what was known is too old then)
                    await asyncio.sleep(0.05)
                for reader, place in zip((lost, kept), places, strict=True):
                    note = orjson.dumps({"message": str(place)})
                    await broker.publish(channel(object_id(reader.conversation, "Conversation")), note)
                coming = asyncio.ensure_future(anext(to_kept))
                await asyncio.wait({coming}, timeout=0.3)
                assert not coming.done()
            finally:
                kill_9(pid)  # and is started again
            assert await revoked(to_lost)
            while (told := (await coming).data["conversationEvents"])["__typename"] != "MessageAdded":
                coming = asyncio.ensure_future(anext(to_kept))
            assert told["message"]["content"] == "news"
