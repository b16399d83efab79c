"""The assistant answers, by whoever asks."""

from asyncio import gather

import pytest

from api.assistant import prompt
from models.tree import Address
from resolvers.chat import answering
from resolvers.ids import encode, message_address, message_id
from tests.api.assistant.conftest import CANCEL, KEY, REQUEST, SHARE, Chat, World
from tests.api.assistant.stub import says

BRANCH = "query ($id: ID!) { node(id: $id) { ... on Message { branch { id } } } }"


async def test_a_message_is_answered_where_the_conversation_wants_that(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("What is a swallow?")
    assert asked["answer"] == {"state": "QUEUED", "reason": None, "tries": 0, "number": 0, "messageId": None}
    world.stub.will(says("A bird", ", or ", "a gulp 🙂."))
    await world.answered()
    answer = await chat.answer(asked)
    assert (answer["state"], answer["reason"], answer["tries"]) == ("DONE", None, 1)
    message = answer["message"]
    assert (message["role"], message["content"], message["status"]) == (
        "ASSISTANT",
        "A bird, or a gulp 🙂.",
        "COMPLETE",
    )
    assert message["author"] == {"displayName": "assistant"}
    assert message["metadata"]["llmModel"] == "m-1"
    assert message["metadata"]["tokensUsed"] == 18
    assert message["metadata"]["latencyMs"] >= 0
    assert await chat.path() == [("USER", "What is a swallow?"), ("ASSISTANT", "A bird, or a gulp 🙂.")]
    assert world.stub.sent == [("user", "What is a swallow?")]
    assert world.stub.keys == [f"Bearer {KEY}"]


async def test_nothing_is_answered_unless_somebody_asks(world: World) -> None:
    chat = await world.chat()
    asked = await chat.say("Hello?")
    await chat.say("A service says", role="ASSISTANT")
    await world.answered()
    assert asked["answer"] is None
    assert world.stub.asked == []


async def test_asking_twice_gives_one_answer(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?", idempotencyKey="k")
    assert (await chat.say("Hello?", idempotencyKey="k"))["answer"]["state"] == "QUEUED"
    assert (await chat.request(asked))["state"] == "QUEUED"
    await world.answered()
    assert (await chat.request(asked))["state"] == "DONE"
    assert (await chat.say("Hello?", idempotencyKey="k"))["answer"]["state"] == "DONE"
    await world.answered()
    assert await chat.path() == [("USER", "Hello?"), ("ASSISTANT", "fine")]
    assert len(world.stub.asked) == 1


async def test_another_answer_is_a_sibling_that_its_asker_sees_next(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("Hello?")
    world.stub.will(says("one"), says("two"))
    await world.answered()
    first = (await chat.answer(asked))["message"]
    assert (await chat.request(first, again=True))["number"] == 1
    assert (await chat.request(asked, again=True))["number"] == 1  # one that is on its way is not begun twice
    await world.answered()
    second = (await chat.answer(asked))["message"]
    assert (second["content"], second["siblingCount"], second["depth"]) == ("two", 2, 1)
    assert (await chat.read(first["id"]))["content"] == "one"
    assert await chat.path() == [("USER", "Hello?"), ("ASSISTANT", "two")]
    assert world.stub.sent == [("user", "Hello?")]


async def test_the_branch_goes_along_from_the_newest_back_as_far_as_the_budget_goes(world: World) -> None:
    chat = await world.chat()
    said = [await chat.say("0" * 300), await chat.say("1" * 300, role="ASSISTANT")]
    said += [await chat.say("2" * 300), await chat.say("x", role="SYSTEM"), await chat.say("4" * 30)]
    gone = await chat.caller.ask(
        "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }", id=said[3]["id"]
    )
    assert gone.data
    await chat.caller.ask(REQUEST, id=said[4]["id"])
    # The system's 5 tokens, this message's 14, and two of 104: the first one is one too many.
    worker = world.another(context_tokens=5 + 14 + 2 * 104, system="abc")
    await worker.idle()
    expected = [("system", "abc"), ("assistant", "1" * 300), ("user", "2" * 300), ("user", "4" * 30)]
    assert world.stub.sent == expected


async def test_a_long_branch_is_read_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt, "PAGE", 3)
    chat = await world.chat()
    for number in range(8):
        last = await chat.say(f"{number}")
    await chat.request(last)
    await world.answered()
    assert [said for _, said in world.stub.sent] == [f"{number}" for number in range(8)]


async def test_a_message_that_is_too_long_is_not_sent(world: World) -> None:
    chat = await world.chat(answers=True)
    asked = await chat.say("long " * 100)
    await world.another(context_tokens=100).idle()
    assert (await chat.answer(asked))["reason"] == "TOO_LONG"
    assert world.stub.asked == []


async def test_only_what_a_user_says_is_answered(world: World) -> None:
    chat = await world.chat()
    said = await chat.say("I am a service", role="ASSISTANT")
    other = await world.chat("bob")
    for caller, code in ((chat.caller, "BAD_USER_INPUT"), (other.caller, "NOT_FOUND")):
        assert (await caller.ask(REQUEST, id=said["id"])).codes == [code]


async def test_one_may_ask_so_much_at_a_time_and_so_much_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, a_minute = 2, 3
    monkeypatch.setattr(answering, "OF_USER", most)
    monkeypatch.setattr(answering, "A_MINUTE", a_minute)
    chat = await world.chat()
    said = [await chat.say(f"{number}") for number in range(a_minute + 1)]
    tried = await gather(*(chat.caller.ask(REQUEST, id=each["id"]) for each in said))
    refused = [code for answer in tried for code in answer.codes]
    assert len(said) - len(refused) <= most
    assert set(refused) <= {"CONFLICT", "RATE_LIMITED"}
    for _ in said:  # those that were refused together may be asked for one after the other
        await world.answered()
        answers = [await chat.caller.ask(REQUEST, id=each["id"]) for each in said]
    (last,) = [answer for answer in answers if "errors" in answer.body]
    assert last.codes == ["RATE_LIMITED"]
    assert last.body["errors"][0]["extensions"]["retryAfter"] == 60
    assert len(world.stub.asked) == a_minute


async def test_with_whom_a_branch_is_shared_asks_on_it_and_sees_the_answers(world: World) -> None:
    chat = await world.chat()
    await chat.say("root")
    shown = await chat.say("an answer", role="ASSISTANT")
    await chat.say("what Bob may not see")
    asked = await chat.say("What may Bob see?", parentId=shown["id"])
    branch = (await chat.caller.ask(BRANCH, id=asked["id"])).data["node"]["branch"]["id"]
    bob = Chat(await world.served.as_("bob"), chat.id, world.assistant)
    grantee = encode("User", world.served.people["bob"].id)
    share = {"conversationId": chat.id, "userId": grantee, "branchId": branch, "access": "WRITE"}
    assert (await chat.caller.ask(SHARE, input=share)).data
    world.stub.will(says("one"), says("two"))
    for said, siblings in (("one", 1), ("two", 2)):
        await bob.request(asked, again=True)
        answer = await bob.settled(asked)
        assert (answer["state"], answer["message"]["content"], answer["message"]["siblingCount"]) == (
            "DONE",
            said,
            siblings,
        )
        assert [text for _, text in world.stub.sent] == ["root", "an answer", "What may Bob see?"]
        assert (await bob.path())[-1] == ("ASSISTANT", said)


async def test_a_branch_that_is_not_shared_is_as_if_it_were_not_there(world: World) -> None:
    chat = await world.chat()
    root = await chat.say("root")
    shown = await chat.say("What may Bob see?", parentId=root["id"])
    hidden = await chat.say("What may Bob not see?", parentId=root["id"])
    for message in (shown, hidden):
        await chat.request(message)
    await world.answered()
    secret = (await chat.answer(hidden))["messageId"]
    await chat.request(shown, again=True)
    await world.answered()
    sibling = (await chat.answer(shown))["messageId"]
    branch = (await chat.caller.ask(BRANCH, id=shown["id"])).data["node"]["branch"]["id"]
    bob, grantee = await world.served.as_("bob"), encode("User", world.served.people["bob"].id)
    for access in ("READ", "WRITE"):
        share = {"conversationId": chat.id, "userId": grantee, "branchId": branch, "access": access}
        assert (await chat.caller.ask(SHARE, input=share)).data
    home, _ = message_address(hidden["id"])
    nowhere = message_id(home, Address("main", 700))
    for id_ in (hidden["id"], secret, sibling, nowhere):
        for document in (CANCEL, REQUEST):
            assert (await bob.ask(document, id=id_, again=True)).codes == ["NOT_FOUND"], (document, id_)
    assert (await bob.ask(CANCEL, id=shown["id"])).codes == ["FORBIDDEN"]
    assert len(world.stub.asked) == 3
