"""Answers that are cancelled, forbidden, deleted, left by workers that died: one a message at most, come what may."""

import asyncio
import copy
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from beanie import PydanticObjectId

from api.assistant.worker import Assistant, answering
from models.answer import SILENCE, WAIT, AnswerRequest
from models.clock import now
from models.role import RoleAssignment
from models.tree import MessageTree
from models.user import User
from permissions.changes import SYSTEM
from resolvers.ids import encode, object_id
from tests.api.assistant.conftest import CANCEL, READ, REQUEST, SHARE, World
from tests.api.assistant.stub import Held, says
from tests.api.assistant.waits import begun, half, over
from tests.models.tree.faults import Crash, Mortal

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DELETE = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"


async def test_it_is_cancelled_in_the_middle(world: World) -> None:
    chat, held = await world.chat(answers=True), half()
    world.stub.will(held)
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await begun(chat, asked)
        assert (await world.served.nobody.ask(CANCEL, id=asked["id"])).codes == ["UNAUTHENTICATED"]
        assert (await chat.cancel(asked))["state"] == "CANCELLED"
        await held.gone.wait()  # the endpoint needs not go on
        answer = await over(chat, asked)
    assert (answer["state"], answer["reason"]) == ("CANCELLED", None)
    assert (answer["message"]["content"], answer["message"]["status"]) == ("half", "INTERRUPTED")
    assert (await chat.cancel(answer["message"]))["state"] == "CANCELLED"
    assert (await chat.request(asked))["state"] == "CANCELLED"


async def test_what_is_cancelled_before_it_is_begun_is_never_sent(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    assert (await chat.cancel(asked))["state"] == "CANCELLED"
    assert (await chat.settled(asked))["message"] is None
    assert world.stub.asked == []


async def test_who_lost_his_right_meanwhile_is_not_answered(world: World) -> None:
    chat = await world.chat()
    asked = await chat.say("what only Alice and Bob may read")
    bob, grantee = await world.served.as_("bob"), encode("User", world.served.people["bob"].id)

    async def share(access: str) -> None:
        sent = {"conversationId": chat.id, "userId": grantee, "access": access}
        assert (await chat.caller.ask(SHARE, input=sent)).data

    assert (await bob.ask(REQUEST, id=asked["id"])).codes == ["NOT_FOUND"]
    await share("READ")
    assert (await bob.ask(REQUEST, id=asked["id"])).codes == ["FORBIDDEN"]
    await share("WRITE")
    assert (await bob.ask(REQUEST, id=asked["id"])).data
    await share("READ")
    answer = await chat.settled(asked)
    assert (answer["state"], answer["reason"], answer["message"]) == ("FAILED", "FORBIDDEN", None)
    assert world.stub.asked == []
    # And while it is written: what he may read by now, he gets no more of.
    await share("WRITE")
    held = half()
    world.stub.will(held)
    assert (await bob.ask(REQUEST, id=asked["id"], again=True)).data
    async with answering(world.another(lease_seconds=0.6)):
        await begun(chat, asked)
        await share("NONE")
        answer = await over(chat, asked)
    assert (answer["state"], answer["reason"]) == ("FAILED", "FORBIDDEN")
    assert (answer["message"]["content"], answer["message"]["status"]) == ("half", "INTERRUPTED")
    assert (await bob.ask(READ, id=asked["id"])).data["node"] is None


async def test_an_assistant_without_its_role_writes_nothing(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    held = await RoleAssignment.find_one({"user_id": world.desk.account_id})
    assert held
    await world.served.services.changes.end_assignment(held.id, SYSTEM)
    assert (await chat.settled(asked))["reason"] == "FORBIDDEN"
    assert world.stub.asked == []


async def test_an_account_that_is_closed_asks_for_nothing(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    services = world.served.services
    await services.changes.set_disabled(world.served.people["alice"].id, True, SYSTEM)
    await world.answered()
    request = await AnswerRequest.find_one({})
    assert request
    assert (request.reason, request.circumstances, request.due_at) == ("forbidden", {}, None)
    assert asked
    assert world.stub.asked == []


async def test_the_assistant_may_write_where_it_was_asked_to_and_nowhere_else(world: World) -> None:
    chat = await world.chat()
    await chat.say("Hello?")
    found = await User.find_one({"_id": world.desk.account_id})
    assert found
    world.served.people["assistant"] = found
    itself = await world.served.as_("assistant")
    sent = {"conversationId": chat.id, "content": "I was not asked"}
    append = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }"
    assert (await itself.ask(append, input=sent)).codes == ["NOT_FOUND"]


async def test_a_question_or_an_answer_that_is_deleted_ends_it(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    await chat.caller.ask(DELETE, id=asked["id"])
    assert (await chat.settled(asked))["reason"] == "GONE"
    assert world.stub.asked == []
    chat, held = await world.chat(answers=True), half()
    world.stub.will(held)
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await begun(chat, asked)
        await chat.caller.ask(DELETE, id=(await chat.answer(asked))["messageId"])
        held.free.set()
        answer = await over(chat, asked)
    assert answer["state"] == "FAILED"
    assert answer["message"]["content"] is None


async def test_a_worker_that_stops_leaves_what_it_has_not_begun_to_others(world: World) -> None:
    chat, held = await world.chat(answers=True), Held(b"")
    world.stub.will(held)
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await held.said.wait()
    assert (await chat.answer(asked))["state"] == "QUEUED"
    await asyncio.sleep(0.002)  # the clock of the queue has milliseconds
    await world.another().idle()
    answer = await chat.answer(asked)
    assert (answer["state"], answer["tries"], answer["message"]["content"]) == ("DONE", 2, "fine")


async def test_a_worker_that_stops_ends_what_it_has_begun(world: World) -> None:
    chat = await world.chat(answers=True)
    world.stub.will(half())
    async with answering(world.assistant):
        asked = await chat.say("Hello?")
        await begun(chat, asked)
    answer = await chat.answer(asked)
    assert (answer["state"], answer["reason"]) == ("FAILED", "INTERRUPTED")
    assert (answer["message"]["content"], answer["message"]["status"]) == ("half", "INTERRUPTED")


async def test_what_nobody_came_for_has_failed(world: World) -> None:
    chat = await world.chat(answers=True)
    requests = world.served.services.database.db.answers
    for state, age, reason in (("queued", WAIT, "UNAVAILABLE"), ("running", SILENCE, "INTERRUPTED")):
        asked = await chat.say("Hello?")
        await requests.update_one({"message": "main.0"}, {"$set": {"state": state, "due_at": now() - age}})
        before = await chat.answer(asked)
        assert (before["state"], before["reason"]) == ("FAILED", reason)
        after = await chat.settled(asked)
        assert (after["state"], after["reason"], after["message"]) == ("FAILED", reason, None)
        assert [each["state"] for each in await requests.find({}).to_list()] == ["failed"]
        chat = await world.chat(answers=True)
        await requests.delete_many({})
    assert world.stub.asked == []


async def test_many_workers_give_one_answer(world: World) -> None:
    chats = [await world.chat(answers=True) for _ in range(3)]
    asked = [await chat.say("Hello?") for chat in chats]
    await asyncio.gather(*(worker.idle() for worker in (world.assistant, world.another(), world.another())))
    for chat, message in zip(chats, asked, strict=True):
        answer = await over(chat, message)
        assert (answer["state"], answer["message"]["siblingCount"]) == ("DONE", 1)
    assert len(world.stub.asked) == 3


def mortal(world: World, at: int) -> tuple[Assistant, Mortal]:
    """A worker that dies once its write number `at` is stored."""
    services = world.served.services
    faulty = Mortal(services.database.db, at)
    database = copy.copy(services.database)
    database.db = cast(Any, faulty)
    tree = MessageTree(cast(Any, faulty), services.tree.limits, texts=services.texts)
    rules = replace(world.desk.rules, lease_seconds=0.05)
    desk = replace(world.desk, services=replace(services, database=database, tree=tree), rules=rules)
    return Assistant(desk), faulty


async def test_a_worker_may_die_after_any_write(world: World) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # the dead tell nobody
    seen, at, db = set(), 0, world.served.services.database.db
    while True:
        at += 1
        chat = await world.chat(answers=True)
        world.stub.will(says("all of it"))
        asked = await chat.say("Hello?")
        worker, faulty = mortal(world, at)
        with suppress(Crash):
            await worker.idle()
        world.stub.behaviours.clear()
        world.stub.will(says("all of it"))
        async with asyncio.timeout(20):
            while await db.answers.find_one({"due_at": {"$gt": LONG_AGO}}):
                await world.another().idle()
                await asyncio.sleep(0.01)
        answer = await chat.answer(asked)
        world.stub.behaviours.clear()
        message, stored = answer["message"], object_id(chat.id, "Conversation")
        assert await answers_in(world, stored) == (1 if message else 0), at
        assert message["siblingCount"] == 1, at
        outcome = (answer["state"], answer["reason"], message["content"], message["status"])
        assert outcome in {
            ("DONE", None, "all of it", "COMPLETE"),
            ("FAILED", "INTERRUPTED", "all of it", "INTERRUPTED"),
        }, (at, outcome)
        seen.add(outcome[0])
        if not faulty.happened:
            break
    assert at > 8
    assert seen == {"DONE", "FAILED"}


async def answers_in(world: World, conversation_id: PydanticObjectId) -> int:
    """Messages that the assistant wrote there."""
    buckets = world.served.services.database.db.buckets.find({"conversation_id": conversation_id})
    return sum(each["role"] == "assistant" for bucket in await buckets.to_list() for each in bucket["messages"])


async def test_what_was_asked_for_goes_with_its_conversation_and_with_its_asker(world: World) -> None:
    chat, other = await world.chat(answers=True), await world.chat("bob", answers=True)
    for each in (chat, other, await world.chat(answers=True)):
        await each.say("Hello?")
    await world.answered()
    db, tree = world.served.services.database.db, world.served.services.tree
    delete = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
    await chat.caller.ask(delete, id=chat.id)
    assert await db.answers.count_documents({}) == 3
    await tree.purge(now() + timedelta(days=1))
    assert await db.answers.count_documents({}) == 2
    await world.desk.answers.forget_asker(world.served.people["alice"].id)
    assert [each["asker_id"] for each in await db.answers.find({}).to_list()] == [world.served.people["bob"].id]
