"""The queue: fair between those who ask, limited for each, and whole whatever clocks and workers do."""

from collections import Counter
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import pytest
from beanie import PydanticObjectId

from api.assistant import claim
from api.assistant import worker as workers
from api.assistant.turns import next_turn, share
from api.assistant.worker import answering
from models import answers
from models.answer import WAIT
from models.clock import now
from resolvers.chat import answering as asking
from tests.api.assistant.conftest import World
from tests.api.assistant.stub import Held, says
from tests.api.assistant.waits import begun, half, over
from tests.permissions.authn.revocation.workers import eventually

SKEW: ContextVar[timedelta] = ContextVar("SKEW", default=timedelta(0))


async def test_who_asks_much_does_not_have_others_wait(world: World) -> None:
    alice, bob = await world.chat(), await world.chat("bob")
    world.stub.otherwise = lambda said: says("fine") if said == "Hello?" else Held(b"")
    for number in range(asking.OF_USER):
        await alice.request(await alice.say(f"{number}"))
    async with answering(world.assistant):
        await eventually(lambda: len(world.stub.asked) == share(world.assistant.most))
        asked = await bob.say("Hello?")
        await bob.request(asked)
        assert (await over(bob, asked))["state"] == "DONE"


async def test_what_is_one_too_many_is_not_answered_though_a_worker_was_fast(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "OF_USER", 0)
    counted = answers.Answers.waiting

    async def slow(self: answers.Answers, *args: Any) -> int:
        assert await self.claim((await self.due(now() + timedelta(seconds=1), 1)).popitem()[0], "fast", now() + WAIT)
        return await counted(self, *args)

    monkeypatch.setattr(answers.Answers, "waiting", slow)
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    answer = await chat.answer(asked)
    assert answer["state"] == "CANCELLED"


async def test_what_has_failed_by_the_clock_may_be_asked_for_again(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    requests = world.served.services.database.db.answers
    await requests.update_one({}, {"$set": {"due_at": now() - WAIT}})
    assert (await chat.answer(asked))["state"] == "FAILED"
    assert (await chat.request(asked, again=True))["number"] == 1
    answer = await chat.settled(asked)
    assert (answer["state"], answer["message"]["siblingCount"]) == ("DONE", 1)


async def test_cancelling_again_and_again_wakes_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    chat, told = await world.chat(answers=True), []
    asked = await chat.say("Hello?")
    publish = world.served.services.broker.publish

    async def counted(channel: str, *args: Any, **more: Any) -> str:
        told.append(channel)
        return await publish(channel, *args, **more)

    monkeypatch.setattr(world.served.services.broker, "publish", counted)
    for _ in range(3):
        assert (await chat.cancel(asked))["state"] == "CANCELLED"
    assert told.count(asking.CHANNEL) == 1
    assert len(told) == 2


async def test_who_lost_it_to_another_worker_leaves_the_message_to_him(world: World) -> None:
    chat, held = await world.chat(answers=True), half()
    world.stub.will(held)
    requests = world.served.services.database.db.answers
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await begun(chat, asked)
        await requests.update_one({}, {"$set": {"worker": "another", "due_at": now() + WAIT}})
        (stored,) = await requests.find({}).to_list()
        await asking.tell_workers(world.served.services.broker, stored["_id"])
        await held.gone.wait()
    answer = await chat.answer(asked)
    assert (answer["state"], answer["message"]["status"]) == ("RUNNING", "STREAMING")


async def test_a_request_that_is_not_understood_stops_nobody(world: World) -> None:
    requests = world.served.services.database.db.answers
    chat = await world.chat(answers=True)
    await chat.say("Hello?")
    await requests.update_one({}, {"$set": {"state": "of a newer version"}})
    asked = await (other := await world.chat("bob", answers=True)).say("Hello?")
    assert (await other.settled(asked))["state"] == "DONE"


@pytest.mark.parametrize("seconds", [-90, 90])
async def test_clocks_that_differ_give_one_answer(world: World, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    def skewed() -> datetime:
        return now() + SKEW.get()

    for module in (answers, workers, claim):
        monkeypatch.setattr(module, "now", skewed)
    chat, held = await world.chat(answers=True), half()
    world.stub.will(held)
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await begun(chat, asked)
        SKEW.set(timedelta(seconds=seconds))
        await world.another().idle()
        held.free.set()
        answer = await over(chat, asked)
    assert answer["state"] == ("DONE" if seconds < 0 else "FAILED")
    assert answer["message"]["siblingCount"] == 1
    assert len(world.stub.asked) == 1


def test_whose_turn_it_is() -> None:
    ann, ben = PydanticObjectId(), PydanticObjectId()
    waiting = {"a1": ann, "a2": ann, "a3": ann, "b1": ben}
    served: Counter[PydanticObjectId] = Counter()
    turns = []
    while (id_ := next_turn(waiting, served, 2)) is not None:
        served[waiting.pop(id_)] += 1
        turns.append(id_)
    assert turns == ["a1", "b1", "a2"]
    assert [share(places) for places in (1, 2, 3, 4)] == [1, 1, 2, 2]
