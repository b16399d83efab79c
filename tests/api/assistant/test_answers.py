"""The assistant answers, by whoever asks."""

from tests.api.assistant.conftest import KEY, World
from tests.api.assistant.stub import says


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
