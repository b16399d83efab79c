"""Subscriptions while MongoDB is away: killed under them, and started again."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from pymongo.errors import AutoReconnect

from models.bucket import MessageRole
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.redis.backoff import delays
from models.tree import Draft
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers import loaders
from resolvers.chat import patience, standing
from resolvers.chat.events import channel
from resolvers.ids import object_id
from tests.processes import kill_9
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import append, start
from tests.resolvers.chat.writing import following
from tests.served import Served, schema


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls fail while the server is away, rather than be answered when it is back."""
    monkeypatch.setattr("models.database.TIMEOUT_MS", 2_000)


def _noting(waited: asyncio.Event) -> Iterator[float]:
    for wait in delays():
        waited.set()
        yield wait


async def test_an_event_waits_for_mongodb_and_the_subscription_goes_on(
    served: Served, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    id_ = await start(alice)
    stored_id = object_id(id_, "Conversation")
    conversation = await Conversation.get(stored_id)
    assert conversation
    tree, broker = served.services.tree, served.services.broker
    async with following(served, "alice", id_) as events, asyncio.timeout(40):
        places = [
            (await tree.append_at_end(conversation, "main", Draft(MessageRole.USER, text))).address
            for text in ("one", "two")
        ]
        waited = asyncio.Event()
        monkeypatch.setattr(patience, "delays", lambda: _noting(waited))
        monkeypatch.setattr(standing, "delays", lambda: _noting(waited))
        os.kill(pid := stores.pids()["MongoDB"], signal.SIGSTOP)
        first = asyncio.ensure_future(anext(events))
        try:
            for place in places:
                await broker.publish(channel(stored_id), orjson.dumps({"message": str(place)}))
            await waited.wait()  # it can't be read
            assert not first.done()
        finally:
            kill_9(pid)  # and is started again
        told = [await first, await anext(events)]
        assert [each["message"]["content"] for each in told] == ["one", "two"]
        await append(alice, id_, "three")
        assert (await anext(events))["message"]["content"] == "three"


WATCH = """subscription ($id: ID!) { conversationEvents(conversationId: $id, after: "0-0") {
  __typename ... on ConversationChanged { conversation { owner { displayName } } } } }"""


async def test_what_could_be_told_in_part_only_is_said_to_be_missing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fields are loaded while the answer is made: too late to wait."""
    alice = await served.as_("alice")
    id_ = await start(alice)
    access = await served.services.permissions.access(Principal(served.people["alice"].id, new_id()))
    on_socket = replace(context(served, "alice", access), socket=True, cutoff=Cutoff())
    stream = await schema().subscribe(WATCH, {"id": id_}, context_value=on_socket)
    found, failures = loaders._users, [AutoReconnect("away")]

    async def users(ids: list[Any]) -> Any:
        if failures:
            raise failures.pop()
        return await found(ids)

    async with aclosing(cast(Any, stream)) as events, asyncio.timeout(20):
        assert (await anext(events)).data["conversationEvents"]["__typename"] == "ResyncRequired"
        monkeypatch.setattr(loaders, "_users", users)
        news = channel(object_id(id_, "Conversation"))
        await served.services.broker.publish(news, b'{"conversation":true}')
        assert [error.extensions["code"] for error in (await anext(events)).errors] == ["UNAVAILABLE"]
        assert (await anext(events)).data["conversationEvents"]["__typename"] == "ResyncRequired"
        await served.services.broker.publish(news, b'{"conversation":true}')
        assert (await anext(events)).data["conversationEvents"]["conversation"]["owner"] == {"displayName": "Alice"}
