"""What was read before is decoded once, for as long as it is the same to the byte; and the page of it is made once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import bson
import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole, MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree, Page, Window
from models.tree.cuts import MESSAGE_BYTES, Cuts
from models.tree.meter import Meter
from tests.models.tree.conftest import SMALL
from tests.models.tree.test_slices import again, append
from tests.models.tree.trees import line, planted

LAST = Window(last=3)


def bucket(content: str) -> bytes:
    message: Mapping[str, Any] = {"depth": 0, "role": "user", "content": content, "created_at": now()}
    ids = {"_id": PydanticObjectId(), "conversation_id": PydanticObjectId()}
    return bson.encode({**ids, "branch": MAIN, "first_depth": 0, "messages": [message]})


async def test_the_same_bytes_are_decoded_once() -> None:
    cuts, one, other = Cuts(10_000), bucket("one"), bucket("other")
    cut = cuts.of(one)
    assert not cut.again
    assert cuts.of(bytes(bytearray(one))) is cut
    assert cut.again
    assert cuts.of(other) is not cut
    assert [each["content"] for each in cuts.of(other).messages.values()] == ["other"]


async def test_of_what_begins_alike_the_latest_is_kept() -> None:
    """Two windows of one bucket, of the same length: neither is taken for the other, and what they weigh is theirs."""
    cuts, one = Cuts(10_000), bucket("one")
    other = one.replace(b"one", b"two")
    for _ in range(3):
        assert [each["content"] for each in cuts.of(one).messages.values()] == ["one"]
        assert [each["content"] for each in cuts.of(other).messages.values()] == ["two"]
    assert cuts.of(other) is cuts.of(other)
    assert len(cuts) == 1
    assert cuts._weight == len(other) + MESSAGE_BYTES


async def test_what_was_read_longest_ago_makes_room() -> None:
    one, other, third = (bucket(each) for each in ("one", "two", "six"))
    cuts = Cuts((len(one) + MESSAGE_BYTES) * 2)
    first, second = cuts.of(one), cuts.of(other)
    assert cuts.of(one) is first
    cuts.of(third)
    assert len(cuts) == 2
    assert cuts.of(one) is first
    assert cuts.of(other) is not second


async def test_what_is_larger_than_all_is_not_kept() -> None:
    one = bucket("x" * 1_000)
    weight = len(one) + MESSAGE_BYTES
    for most in (0, weight - 1):
        cuts = Cuts(most)
        assert cuts.of(one) is not cuts.of(one)
        assert len(cuts) == 0
    cuts = Cuts(weight)
    assert cuts.of(one) is cuts.of(one)


async def test_what_nobody_reads_is_forgotten() -> None:
    """It may have been erased: so it is not for an idle worker to keep it."""
    cuts, one, other = Cuts(10_000), bucket("one"), bucket("other")
    kept = cuts.of(one)
    cuts.of(other)
    cuts.sweep()
    assert cuts.of(one) is kept
    cuts.sweep()
    assert len(cuts) == 1
    assert cuts.of(one) is kept
    cuts.sweep()
    cuts.sweep()
    assert len(cuts) == 0


async def read(tree: MessageTree, conversation: Conversation, window: Window = LAST) -> Page:
    return await tree.history(await again(conversation)).page(MAIN, window)


async def test_a_page_that_comes_again_is_the_same_one(tree: MessageTree) -> None:
    conversation = await planted(tree, line(10))
    pages = [await read(tree, conversation) for _ in range(6)]
    assert all(page == pages[0] for page in pages)
    assert pages[-1] is pages[-2]
    assert pages[0].derived is pages[1].derived is None
    assert await read(tree, conversation, Window(last=2)) is not pages[-1]
    await append(tree, conversation, "another")
    page = await read(tree, conversation)
    assert page is not pages[-1]
    assert page.rows[-1].message["content"] == "another"


async def test_of_the_same_messages_one_page_is_kept(tree: MessageTree) -> None:
    """Of a short conversation every window reads all: else each would be kept beside the others, and weigh nothing."""
    conversation = await planted(tree, line(3))
    for most in range(10, 20):
        for _ in range(4):
            page = await read(tree, conversation, Window(last=most))
        assert page.derived is not None
        (cut,) = [kept.cut for kept in tree._slices._read.args[1]._kept.values()]  # type: ignore[attr-defined]
        assert list(cut.ending[1].pages.values()) == [page]


async def test_what_is_kept_is_bytes_of_its_own(tree: MessageTree) -> None:
    """A view of what the driver read would keep all of it: other people's pages, which are weighed by themselves."""
    conversation = await planted(tree, line(10))
    await append(tree, conversation, "x" * 5_000)  # of less than 4 KB the driver makes bytes
    for _ in range(3):
        await read(tree, conversation)
    kept = tree._slices._read.args[1]._kept  # type: ignore[attr-defined]
    assert max(each.weight for each in kept.values()) > 5_000
    assert {type(each.raw) for each in kept.values()} == {bytes}
    assert {type(head) for head in kept} == {bytes}


async def test_a_page_that_is_kept_is_counted_as_if_it_were_read(tree: MessageTree) -> None:
    conversation, counted = await again(await planted(tree, line(10))), []
    for _ in range(6):
        meter = Meter()
        await tree.history(conversation, meter=meter).page(MAIN, LAST)
        counted.append(meter._used)
    assert counted == [counted[0]] * 6
    assert counted[0]


async def test_a_page_of_a_message_that_grows_is_not_kept(tree: MessageTree) -> None:
    conversation = await planted(tree, line(2))
    draft = Draft(MessageRole.ASSISTANT, "gro", status=MessageStatus.STREAMING)
    await tree.append_at_end(await again(conversation), MAIN, draft)
    for _ in range(5):
        page = await read(tree, conversation)
        assert page.derived is None
    await tree.save(await again(conversation), Address(MAIN, 2), "grown")
    assert (await read(tree, conversation)).rows[-1].message["content"] == "grown"


async def test_a_page_from_the_beginning_counts_the_beginnings_there_are_by_now(tree: MessageTree) -> None:
    """Which the conversation tells, and not the bucket."""
    conversation = await planted(tree, line(2))
    for _ in range(5):
        assert (await read(tree, conversation)).rows[0].sibling_count == 1
    await tree.append(await again(conversation), None, Draft(MessageRole.USER, "another"))
    for _ in range(5):
        assert (await read(tree, conversation)).rows[0].sibling_count == 2


@pytest.mark.parametrize("kept", [0, SMALL.kept_bytes])
async def test_nothing_is_kept_where_that_is_set(database: Database, kept: int) -> None:
    tree = MessageTree(database.db, replace(SMALL, kept_bytes=kept))
    conversation = await planted(tree, line(10))
    pages = [await read(tree, conversation) for _ in range(5)]
    assert (pages[-1] is pages[-2]) == bool(kept)
