"""Messages that are read while they are written."""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from api.interrupting import Interrupter
from models.bucket import MessageStatus
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.tree import Address
from models.tree.errors import InvalidContentError
from resolvers.chat import streaming
from resolvers.chat.events import channel
from resolvers.chat.manuscripts import piece
from resolvers.ids import encode, message_address
from resolvers.live.texts import Pace, Texts
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import EDIT, append, chat, start
from tests.resolvers.chat.writing import (
    BEGIN,
    STREAM,
    begin,
    finish,
    following,
    put_together,
    read,
    refused,
    stream,
    until_end,
    went_on,
)
from tests.served import Served

DELETE = "mutation ($id: ID!, $mode: DeleteMode) { deleteMessage(input: {messageId: $id, mode: $mode}) { messageId } }"
RESTORE = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { content status } } }"
SHARE = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
WORDS = ["Grüße ", "an ", "alle ", "🙂👨‍👩‍👧", " $ROOT ", "\u0000\n", "終わり"]


async def test_an_answer_grows_before_the_eyes_of_whoever_reads_it(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, (question,) = await chat(alice, 1)
    async with following(served, "alice", conversation) as events:
        answer = await begin(alice, conversation, parentId=question["id"], metadata={"llmModel": "m"})
        added = await anext(events)
        assert (answer["status"], answer["content"], answer["depth"]) == ("STREAMING", "", 1)
        offset = 0
        for word in WORDS:
            offset = went_on(await stream(alice, answer, offset, word))
            assert (await read(alice, answer))["contentLength"] == offset
        done = (await finish(alice, answer, offset, metadata={"latencyMs": 5, "x": 1})).data["finishMessage"]["message"]
        told = [added, *await until_end(events)]
    text = "".join(WORDS)
    assert (done["content"], done["status"], done["contentLength"]) == (text, "COMPLETE", len(text.encode()))
    assert done["metadata"] == {"llmModel": "m", "extra": {"x": 1}}
    assert put_together(told) == text
    assert [event["text"] for event in told if event["__typename"] == "MessageDelta"] == WORDS
    assert told[-1]["message"] == {"id": answer["id"], "content": text, "status": "COMPLETE"}
    assert (await finish(alice, answer, offset)).data["finishMessage"]["message"]["content"] == text
    assert (await read(alice, answer))["content"] == text


async def test_who_comes_late_gets_what_there_is_and_then_the_rest(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    answer = await begin(alice, conversation)
    words = [f"{number} " for number in range(60)]
    offset, late = 0, 0
    async with AsyncExitStack() as stack:
        readers = []
        for number, word in enumerate(words):
            offset = went_on(await stream(alice, answer, offset, word))
            if number % 12 == 5:
                late += 1
                readers.append(await stack.enter_async_context(following(served, "alice", conversation)))
        await finish(alice, answer, offset)
        for reader in readers:
            told = await until_end(reader)
            assert told[0]["__typename"] == "MessageDelta"
            assert put_together(told) == "".join(words)
    assert late == 5


async def test_who_is_slow_gets_the_whole_message_and_no_piece_of_it_again(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with following(served, "alice", conversation) as events:
        answer = await begin(alice, conversation)
        assert went_on(await stream(alice, answer, 0, "one ")) == 4
        assert (await anext(events))["message"]["content"] == "one "
        assert went_on(await stream(alice, answer, 2, "e two")) == 7
        assert (await finish(alice, answer, 7)).data
        delta, changed = await until_end(events)
    assert (delta["offset"], delta["text"]) == (4, "two")
    assert changed["message"]["content"] == "one two"


async def test_who_comes_back_goes_on_where_he_was(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with following(served, "alice", conversation) as events:
        answer = await begin(alice, conversation)
        added = await anext(events)
        offset = went_on(await stream(alice, answer, 0, "one "))
        before = [added, await anext(events)]
    offset = went_on(await stream(alice, answer, offset, "two "))
    async with following(served, "alice", conversation, before[-1]["cursor"]) as events:
        offset = went_on(await stream(alice, answer, offset, "three"))
        await finish(alice, answer, offset)
        after = await until_end(events)
    assert put_together(before + after) == "one two three"
    assert [event["text"] for event in after[:-1]] == ["two ", "three"]


async def test_who_comes_back_after_more_pieces_than_are_kept_has_the_text_from_its_start(
    served: Served, stores: EmbeddedStores
) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with following(served, "alice", conversation) as events:
        answer = await begin(alice, conversation)
        left = (await anext(events))["cursor"]
    id_, address = message_address(answer["id"], "id")
    words = [f"{number} " for number in range(30)]
    async with Texts(stores.redis_url, channel, history=10) as few:
        offset = 0
        for word in words:
            author = served.people["alice"].id
            offset = (await few.append(id_, address, author, offset, word, 10**6)).length
    async with following(served, "alice", conversation, left) as events:
        await finish(alice, answer, offset)
        told = await until_end(events)
    assert told[0]["offset"] == 0
    assert put_together(told) == "".join(words)
    assert told[-1]["message"]["content"] == "".join(words)


async def test_pieces_may_come_twice_and_overlap_and_nothing_else(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    answer = await begin(alice, conversation)
    assert refused(await stream(alice, answer, 3, "early")) == ("CONFLICT", 0)
    assert went_on(await stream(alice, answer, 0, "añb")) == 4
    assert went_on(await stream(alice, answer, 0, "añb")) == 4
    assert went_on(await stream(alice, answer, 1, "ñ")) == 4
    assert went_on(await stream(alice, answer, 3, "b🙂")) == 8
    assert went_on(await stream(alice, answer, 8, "")) == 8
    for offset, text in ((3, "x"), (2, "b"), (0, "añc"), (7, "z"), (3, "bz")):
        assert refused(await stream(alice, answer, offset, text)) == ("CONFLICT", 8)
    assert refused(await stream(alice, answer, -1, "x"))[0] == "BAD_USER_INPUT"
    with pytest.raises(InvalidContentError):
        piece(8, "\ud83d")  # what JSON can say, and UTF-8 can't
    assert refused(await stream(alice, answer, 8, "x" * 20_000))[0] == "PAYLOAD_TOO_LARGE"
    for length in (7, 9):
        assert refused(await finish(alice, answer, length)) == ("CONFLICT", 8)
    assert (await finish(alice, answer, 8)).data["finishMessage"]["message"]["content"] == "añb🙂"
    assert went_on(await stream(alice, answer, 3, "b")) == 8, "a piece that was on its way"
    assert refused(await stream(alice, answer, 8, "more"))[0] == "CONFLICT"
    assert refused(await finish(alice, answer, 4)) == ("CONFLICT", 8)


async def test_no_message_gets_longer_than_one_that_is_sent_at_once(served: Served) -> None:
    alice = await served.as_("alice")
    answer = await begin(alice, await start(alice))
    tree = served.services.tree
    tree.limits = replace(tree.limits, message_bytes=40_000)
    offset = 0
    for _ in range(2):
        offset = went_on(await stream(alice, answer, offset, "x" * 16_000))
    assert refused(await stream(alice, answer, offset, "x" * 8_001))[0] == "PAYLOAD_TOO_LARGE"
    offset = went_on(await stream(alice, answer, offset, "x" * 8_000))
    assert (await finish(alice, answer, offset)).data


async def test_an_answer_that_is_made_anew_is_a_sibling(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, (question,) = await chat(alice, 1)
    first = await begin(alice, conversation, parentId=question["id"])
    again = await begin(alice, conversation, siblingOf=first["id"], idempotencyKey="k")
    assert (again["depth"], again["siblingCount"], again["editedFrom"]) == (1, 2, {"id": first["id"]})
    assert (await begin(alice, conversation, siblingOf=first["id"], idempotencyKey="k"))["id"] == again["id"]
    for message, text in ((first, "one"), (again, "other")):
        assert went_on(await stream(alice, message, 0, text)) == len(text)
    for message, text in ((first, "one"), (again, "other")):
        assert (await finish(alice, message, len(text))).data["finishMessage"]["message"]["content"] == text
    root = await begin(alice, conversation, siblingOf=question["id"])
    assert (root["depth"], root["siblingCount"]) == (0, 2)
    wrong = {"conversationId": conversation, "siblingOf": first["id"], "parentId": question["id"]}
    assert (await alice.ask(BEGIN, input=wrong)).codes == ["BAD_USER_INPUT"]


async def test_only_its_author_goes_on_with_it_and_only_while_he_may(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation = await start(alice)
    answer = await begin(alice, conversation)
    assert refused(await stream(guest, answer, 0, "x"))[0] in {"NOT_FOUND", "FORBIDDEN"}
    given = {"conversationId": conversation, "userId": encode("User", served.people["guest"].id)}
    (await alice.ask(SHARE, input={**given, "access": "WRITE"})).data  # noqa: B018
    for refusal in (await stream(guest, answer, 0, "x"), await finish(guest, answer, 0)):
        assert refused(refusal)[0] == "BAD_USER_INPUT"
    own = await begin(guest, conversation)
    assert went_on(await stream(guest, own, 0, "mine")) == 4
    (await alice.ask(SHARE, input={**given, "access": "READ"})).data  # noqa: B018
    for refusal in (await stream(guest, own, 4, "x"), await finish(guest, own, 4)):
        assert refused(refusal)[0] == "FORBIDDEN"
    (await alice.ask(SHARE, input={**given, "access": "NONE"})).data  # noqa: B018
    assert refused(await stream(guest, own, 4, "x"))[0] in {"NOT_FOUND", "FORBIDDEN"}
    assert (await served.nobody.ask(STREAM, input={"messageId": own["id"], "offset": 4, "text": "x"})).codes


async def test_who_sees_one_branch_only_sees_the_pieces_of_no_other(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 2)
    edited = await alice.ask(EDIT, input={"messageId": messages[1]["id"], "content": "other"})
    hidden = edited.data["editMessage"]["message"]
    guest_id = encode("User", served.people["guest"].id)
    branch = {"conversationId": conversation, "userId": guest_id, "branchId": messages[1]["branch"]["id"]}
    (await alice.ask(SHARE, input=branch)).data  # noqa: B018
    secret = await begin(alice, conversation, parentId=hidden["id"])
    shared = await begin(alice, conversation, parentId=messages[1]["id"])
    async with following(served, "guest", conversation) as events:
        for number in range(5):
            assert went_on(await stream(alice, secret, 6 * number, "secret"))
            assert went_on(await stream(alice, shared, 6 * number, "shared"))
        await finish(alice, secret, 30)
        await finish(alice, shared, 30)
        told = await until_end(events)
    assert "secret" not in str(told)
    assert secret["id"] not in str(told)
    assert "".join(event["text"] for event in told[:-1]) == "shared" * 5


@pytest.mark.parametrize("mode", ["TOMBSTONE", "SUBTREE"])
async def test_what_is_deleted_while_it_is_written_ends_there(served: Served, mode: str) -> None:
    alice = await served.as_("alice")
    conversation, (question,) = await chat(alice, 1)
    answer = await begin(alice, conversation, parentId=question["id"])
    await stream(alice, answer, 0, "some")
    await stream(alice, answer, 4, " more")
    gone = answer if mode == "TOMBSTONE" else question
    (await alice.ask(DELETE, id=gone["id"], mode=mode)).data  # noqa: B018
    assert refused(await stream(alice, answer, 9, "!"))[0] in {"NOT_FOUND", "CONFLICT"}
    assert refused(await finish(alice, answer, 9))[0] == "NOT_FOUND"
    (await alice.ask(RESTORE, id=gone["id"])).data  # noqa: B018
    assert await read(alice, answer) == {"content": "some more", "status": "INTERRUPTED", "contentLength": 9}
    assert refused(await stream(alice, answer, 9, "!"))[0] == "CONFLICT"


async def test_who_falls_silent_is_interrupted_with_all_that_had_come(served: Served) -> None:
    alice, services = await served.as_("alice"), served.services
    conversation = await start(alice)
    answer = await begin(alice, conversation)
    parts = (services.database.db, services.tree, services.texts, services.broker)
    async with following(served, "alice", conversation) as events:
        await stream(alice, answer, 0, "half a ")
        await stream(alice, answer, 7, "sentence")
        assert await Interrupter(*parts).run() == 0, "something came just now"
        assert await Interrupter(*parts, silence=timedelta(0)).run() == 1
        assert await Interrupter(*parts, silence=timedelta(0)).run() == 0
        told = await until_end(events)
    assert told[-1]["message"] == {"id": answer["id"], "content": "half a sentence", "status": "INTERRUPTED"}
    for refusal in (await stream(alice, answer, 15, "!"), await finish(alice, answer, 15)):
        assert refused(refusal)[0] == "CONFLICT"


async def test_a_piece_whose_message_ends_before_it_is_saved_is_not_lost(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, tree = await served.as_("alice"), served.services.tree
    answer = await begin(alice, await start(alice))
    _, address = message_address(answer["id"])
    save = tree.save

    async def late(conversation: Conversation, where: Address, text: str) -> bool:
        """Somebody else ends the message first."""
        await tree.end(conversation, address, text, MessageStatus.COMPLETE)
        return await save(conversation, where, text)

    monkeypatch.setattr(tree, "save", late)
    assert went_on(await stream(alice, answer, 0, "all of it")) == 9
    assert await read(alice, answer) == {"content": "all of it", "status": "COMPLETE", "contentLength": 9}


async def test_a_writer_in_a_hurry_is_told_to_send_fewer_pieces(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    answer = await begin(alice, await start(alice))
    place, author = message_address(answer["id"]), served.people["alice"].id
    async with Texts(stores.redis_url, channel, Pace(pieces=1)) as texts:
        length, words = 0, []
        while "fast" not in words:  # two in one second
            grown = await texts.append(*place, author, length, "x", 10_000)
            words.append(grown.word)
            length = grown.length
    assert words[:-1] == ["taken"] * (len(words) - 1)
    assert (await read(alice, answer))["contentLength"] == len(words) - 1


async def test_few_messages_are_written_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await served.as_("alice")
    monkeypatch.setattr(streaming, "OF_CONVERSATION", 3)
    monkeypatch.setattr(streaming, "OF_USER", 5)
    conversation = await start(alice)
    begun = [await begin(alice, conversation) for _ in range(3)]
    assert (await alice.ask(BEGIN, input={"conversationId": conversation})).codes == ["CONFLICT"]
    await finish(alice, begun[0], 0)
    assert await begin(alice, conversation)
    (await alice.ask(DELETE, id=begun[1]["id"], mode="TOMBSTONE")).data  # noqa: B018
    assert await begin(alice, conversation)
    for _ in range(2):
        assert await begin(alice, await start(alice))
    assert (await alice.ask(BEGIN, input={"conversationId": await start(alice)})).codes == ["CONFLICT"]


async def test_what_redis_loses_the_writer_sends_again(served: Served, redis: Redis) -> None:
    alice = await served.as_("alice")
    answer = await begin(alice, await start(alice))
    _, address = message_address(answer["id"])
    assert went_on(await stream(alice, answer, 0, "saved ")) == 6, "the first piece is saved"
    assert went_on(await stream(alice, answer, 6, "lost")) == 10
    lost = await redis.keys("parley:*:*main.0")
    assert lost
    for key in lost:
        await redis.delete(key)
    assert (await read(alice, answer))["content"] == "saved "
    assert str(address) == "main.0"
    assert refused(await finish(alice, answer, 10)) == ("CONFLICT", 6)
    assert refused(await stream(alice, answer, 10, "!")) == ("CONFLICT", 6)
    assert went_on(await stream(alice, answer, 6, "lost!")) == 11
    assert (await finish(alice, answer, 11)).data["finishMessage"]["message"]["content"] == "saved lost!"


async def test_a_piece_costs_its_reader_no_call_to_the_database(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    answer = await begin(alice, conversation)
    async with following(served, "alice", conversation) as events:
        services, (conversation_id, address) = served.services, message_address(answer["id"])
        author = served.people["alice"].id

        async def next_piece(number: int) -> None:
            grown = await services.texts.append(conversation_id, address, author, number, "x", 1_000)
            assert grown.word == "taken"
            assert (await anext(events))["offset"] == number

        await next_piece(0)
        with database_calls(own=True) as calls:
            for number in range(1, 30):
                await next_piece(number)
        assert len(calls) <= 6, "once a second, if the machine is slow"
    await append(alice, conversation, "and on")
