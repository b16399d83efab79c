"""What a conversation, as it was read, foretells of the next message: fewer calls where it is right, no harm else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.tree import MAIN, Address, Appended, Draft, MessageTree, Window
from models.tree.figures import counting, foretold
from tests.models.commands import watched
from tests.models.tree.conftest import SMALL
from tests.models.tree.faults import Crash, Mortal, Repeating
from tests.models.tree.wellformed import check_well_formed

SAYS = Draft(MessageRole.USER, "text")


def says(content: object) -> Draft:
    return replace(SAYS, content=f"{content}")


async def current(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def begun(tree: MessageTree, conversation: Conversation, length: int) -> Conversation:
    """With so many messages, as it is read afterwards."""
    for number in range(length):
        await tree.append_at_end(await current(conversation), MAIN, says(number))
    return await current(conversation)


async def said(tree: MessageTree, conversation: Conversation) -> list[str]:
    page = await tree.history(await current(conversation)).page(MAIN, Window(first=100))
    return [row.message["content"] for row in page.rows]


def test_a_conversation_tells_where_its_branches_go_on() -> None:
    counted = ["1790000000000 main.9", "1790000000001 main.10", "1790000000002 00000000000000aa.3"]
    assert foretold(counted, MAIN) == Address(MAIN, 11)
    assert foretold(counted, "00000000000000aa") == Address("00000000000000aa", 4)
    assert foretold(counted, "00000000000000ab") is None
    assert foretold([], MAIN) is None


async def test_an_append_to_what_was_just_read_is_two_writes_and_no_reading(
    database: Database, tree: MessageTree, conversation: Conversation, stores: EmbeddedStores
) -> None:
    fresh = await begun(tree, conversation, 2)
    async with watched(database, stores.mongodb_uri) as (db, commands):
        listened = MessageTree(db, SMALL)
        with commands.during() as sent:
            appended = await listened.append_at_end(fresh, MAIN, SAYS)
        assert [str(each) for each in sent] == ["update buckets", "update conversations"]
        assert appended.number == (await current(conversation)).number_of(str(appended.address))
        with commands.during() as sent:
            late = await listened.append_at_end(fresh, MAIN, SAYS)
        assert len(sent) == 5, "the place is taken, and known to be"
    assert (late.address, late.number) == (Address(MAIN, 3), None)


async def test_numbers_that_are_told_are_true_whoever_else_writes(
    tree: MessageTree, conversation: Conversation
) -> None:
    """Twelve others, each with what he read before: whoever is told a number has that one, and no two the same."""
    fresh, told = await begun(tree, conversation, 1), dict[int, Address]()
    others = [MessageTree(tree._db, SMALL) for _ in range(12)]
    for _ in range(3):
        appended = await asyncio.gather(*(each.append_at_end(fresh, MAIN, SAYS) for each in others))
        fresh = await current(conversation)
        for each in appended:
            if each.number is not None:
                assert fresh.number_of(str(each.address)) == each.number
                assert told.setdefault(each.number, each.address) == each.address
    assert (fresh.news, fresh.message_count) == (37, 37)
    assert told
    await check_well_formed(tree._db, conversation.id)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 5, 8, 1_000, 2**31 - 1])
async def test_what_is_foretold_wrongly_does_no_harm(tree: MessageTree, conversation: Conversation, depth: int) -> None:
    fresh = await begun(tree, conversation, 3)
    misled = fresh.model_copy(update={"counted": [f"1790000000000 {MAIN}.{depth}"], "news": depth})
    appended = await tree.append_at_end(misled, MAIN, says("new"))
    assert appended.address == Address(MAIN, 3)
    assert appended.number in (None, 4)
    assert await said(tree, conversation) == ["0", "1", "2", "new"]
    assert (await current(conversation)).message_count == 4
    await check_well_formed(tree._db, conversation.id)


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_write_that_is_sent_again_is_one_message_with_one_number(
    database: Database, tree: MessageTree, conversation: Conversation, at: int, length: int
) -> None:
    fresh = await begun(tree, conversation, length)
    appended = await MessageTree(cast(Any, Repeating(database.db, at)), SMALL).append_at_end(fresh, MAIN, says("new"))
    now = await current(conversation)
    assert await said(tree, conversation) == [*map(str, range(length)), "new"]
    assert (now.message_count, now.news) == (length + 1, length + 1)
    assert appended.number in (None, length + 1)
    assert now.number_of(str(appended.address)) == length + 1


async def test_who_dies_before_the_count_leaves_what_others_count(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    fresh = await begun(tree, conversation, 2)
    with pytest.raises(Crash):
        await MessageTree(cast(Any, Mortal(database.db, 1)), SMALL).append_at_end(fresh, MAIN, says("dead"))
    appended = await tree.append_at_end(fresh, MAIN, says("new"))
    assert await said(tree, conversation) == ["0", "1", "dead", "new"]
    assert appended.number is None or (await current(conversation)).number_of(str(appended.address)) == appended.number


async def test_what_was_counted_by_another_is_not_counted_again(database: Database, conversation: Conversation) -> None:
    """Whoever looks for latecomers may be faster: that modifies nothing, so that no number is told by mistake."""
    message, place = {"created_at": conversation.started_at}, Address(MAIN, 0)
    for after, modified in ((0, 1), (0, 0), (1, 0), (None, 0)):
        update = counting(place, message, forked=False, fresh=True, after=after)
        done = await database.db.conversations.update_one({"_id": conversation.id}, update)
        assert done.modified_count == modified, after
    assert (await current(conversation)).news == 1


async def test_a_row_without_a_reading_is_the_one_that_is_read(tree: MessageTree, conversation: Conversation) -> None:
    """On the first branch and on forks, after tombstones and forks; where there may be siblings, there is none."""
    appended: list[Appended] = [await tree.append_at_end(conversation, MAIN, says(number)) for number in range(6)]
    fork = await tree.append(conversation, Address(MAIN, 3), says("fork"))
    appended += [fork, await tree.append(conversation, Address(MAIN, 5), says("on"))]
    appended += [await tree.append(conversation, fork.address, says("after the fork"))]
    await tree.delete(conversation, Address(MAIN, 6), None)
    appended += [await tree.append_at_end(await current(conversation), MAIN, says("after a tombstone"))]
    known = [each for each in appended if each.row()]
    assert len(known) == len(appended) - 2, "all but the very first message, and the fork"
    await _same(tree, conversation, [each for each in known if each.address != Address(MAIN, 6)])
    assert (await tree.append(conversation, None, says("root"))).row() is None


async def _same(tree: MessageTree, conversation: Conversation, appended: Sequence[Appended]) -> None:
    rows = await tree.history(await current(conversation)).rows([each.address for each in appended])
    for each in appended:
        row = each.row()
        assert row is not None
        read = rows[each.address]
        fields = ("address", "parent", "sibling_index", "gone")
        assert [getattr(row, name) for name in fields] == [getattr(read, name) for name in fields]
        grown = {"forks"}  # who answered it since
        assert {**row.message} == {name: value for name, value in read.message.items() if name not in grown}
        assert row.sibling_count == (read.sibling_count if each.address != Address(MAIN, 4) else 1)
