"""Deleting in the middle, and bringing back."""

import asyncio
from datetime import timedelta

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree, Window
from models.tree import removals as removals_module
from models.tree.buckets import Buckets
from models.tree.errors import (
    BranchNotFoundError,
    MessageNotFoundError,
    PurgedError,
    TooManyRemovalsError,
)
from models.tree.subtree import LEVELS, Subtree
from tests.database_calls import database_calls
from tests.models.tree.trees import line, nested, planted, sprout
from tests.models.tree.wellformed import check_well_formed

ALICE, BOB = PydanticObjectId(), PydanticObjectId()
LATER = timedelta(days=31)


def says(content: str, key: str | None = None) -> Draft:
    return Draft(MessageRole.USER, content, author_id=ALICE, idempotency_key=key)


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def path(tree: MessageTree, conversation: Conversation, branch: str = MAIN) -> list[str | None]:
    page = await tree.history(await again(conversation)).page(branch, Window(first=100))
    return [row.message.get("content") for row in page.rows]


async def purge(tree: MessageTree) -> None:
    await tree.purge(now() + LATER)


async def test_a_tombstone_keeps_its_place_and_its_children_and_says_nothing(tree: MessageTree) -> None:
    conversation = await planted(tree, line(6))
    await tree.delete(conversation, Address(MAIN, 2), ALICE)
    assert await path(tree, conversation) == ["m0", "m1", None, "m3", "m4", "m5"]
    row = (await tree.history(conversation).rows([Address(MAIN, 2)]))[Address(MAIN, 2)]
    assert set(row.message) == {"depth", "role", "created_at", "deleted_at"}
    await tree.restore(await again(conversation), Address(MAIN, 2))
    assert await path(tree, conversation) == [f"m{n}" for n in range(6)]


async def test_a_purged_tombstone_is_gone_from_the_store_and_keeps_its_place(
    tree: MessageTree, database: Database
) -> None:
    conversation = await planted(tree, line(6))
    await tree.delete(conversation, Address(MAIN, 2), ALICE)
    await tree.purge(now() - timedelta(days=1))
    await tree.restore(conversation, Address(MAIN, 2))
    await tree.delete(conversation, Address(MAIN, 2), ALICE)
    await purge(tree)
    assert "m2" not in str(await database.db.buckets.find({}).to_list())
    assert await path(tree, conversation) == ["m0", "m1", None, "m3", "m4", "m5"]
    with pytest.raises(PurgedError):
        await tree.restore(conversation, Address(MAIN, 2))
    assert await database.db.deletions.find({}).to_list() == []


async def test_what_was_restored_is_not_purged(tree: MessageTree) -> None:
    conversation = await planted(tree, line(6))
    await tree.delete(conversation, Address(MAIN, 2), ALICE)
    await tree.remove(conversation, Address(MAIN, 4), ALICE)
    conversation = await again(conversation)
    await tree.restore(conversation, Address(MAIN, 4))
    await tree.restore(await again(conversation), Address(MAIN, 2))
    await purge(tree)
    assert await path(tree, conversation) == [f"m{n}" for n in range(6)]


async def forked(tree: MessageTree) -> tuple[Conversation, str, str]:
    """m0 … m5, a branch that left after m1 (`x2`, `x3`), and one that left that (`y3`)."""
    conversation = await planted(tree, line(6))
    x = (await tree.append(conversation, Address(MAIN, 1), says("x2"))).address
    await tree.append(conversation, x, says("x3"))
    y = (await tree.append(conversation, x, says("y3"))).address
    return await again(conversation), x.branch, y.branch


async def test_a_removed_subtree_takes_all_below_it_out_of_sight_and_brings_it_back(tree: MessageTree) -> None:
    conversation, x, y = await forked(tree)
    await tree.remove(conversation, Address(x, 2), ALICE)
    gone = await again(conversation)
    assert (gone.message_count, gone.branch_count) == (6, 1)
    history = tree.history(gone)
    for branch in (x, y):
        with pytest.raises(BranchNotFoundError):
            await history.page(branch, Window(first=5))
    assert await history.rows([Address(x, 2), Address(x, 3), Address(y, 3)]) == {}
    assert set(await history.ends([MAIN, x, y])) == {MAIN}
    row = (await history.rows([Address(MAIN, 2)]))[Address(MAIN, 2)]
    assert (row.sibling_index, row.sibling_count) == (0, 1)
    assert await history.siblings(row.parent, 2, 10, row.gone) == [Address(MAIN, 2)]
    assert await path(tree, conversation) == [f"m{n}" for n in range(6)]
    await tree.restore(gone, Address(x, 2))
    back = await again(conversation)
    assert (back.message_count, back.branch_count) == (conversation.message_count, conversation.branch_count)
    assert await path(tree, conversation, y) == ["m0", "m1", "x2", "y3"]
    assert await path(tree, conversation, x) == ["m0", "m1", "x2", "x3"]


@pytest.mark.parametrize("purged", [False, True])
async def test_where_the_first_child_is_removed_the_others_are_counted_without_it(
    tree: MessageTree, database: Database, purged: bool
) -> None:
    conversation, x, y = await forked(tree)
    await tree.remove(conversation, Address(MAIN, 2), ALICE)
    if purged:
        await purge(tree)
    current = await again(conversation)
    history = tree.history(current)
    assert await path(tree, conversation) == ["m0", "m1"]
    assert await path(tree, conversation, y) == ["m0", "m1", "x2", "y3"]
    row = (await history.page(y, Window(first=10))).rows[2]
    assert (row.sibling_index, row.sibling_count) == (0, 1)
    assert await history.siblings(row.parent, 2, 10, row.gone) == [Address(x, 2)]
    assert (current.message_count, current.branch_count) == (5, 3)
    appended = await tree.append_at_end(current, MAIN, says("z2"))
    assert appended.forked
    assert await path(tree, conversation, appended.address.branch) == ["m0", "m1", "z2"]
    await check_well_formed(database.db, conversation.id)


@pytest.mark.parametrize("purged", [False, True])
async def test_nothing_can_be_added_below_what_is_removed(tree: MessageTree, purged: bool) -> None:
    conversation, x, y = await forked(tree)
    await tree.remove(conversation, Address(MAIN, 1), ALICE)
    if purged:
        await purge(tree)
    current = await again(conversation)
    for place in (Address(MAIN, 1), Address(MAIN, 5), Address(x, 2), Address(x, 3), Address(y, 3)):
        with pytest.raises(MessageNotFoundError):
            await tree.append(current, place, says("new"))
        with pytest.raises(MessageNotFoundError):
            await tree.delete(current, place, ALICE)
    for branch in (x, y):
        with pytest.raises(BranchNotFoundError):
            await tree.append_at_end(current, branch, says("new"))
    assert (await again(conversation)).message_count == 1


async def test_all_of_a_conversation_can_be_removed_and_begun_again(tree: MessageTree, database: Database) -> None:
    conversation, *_ = await forked(tree)
    await tree.remove(conversation, Address(MAIN, 0), ALICE)
    await purge(tree)
    empty = await again(conversation)
    assert await path(tree, conversation) == []
    assert (empty.message_count, empty.branch_count) == (0, 1)
    first = await tree.append_at_end(empty, MAIN, says("new"))
    current = await again(conversation)
    row = (await tree.history(current).page(first.address.branch, Window(first=10))).rows[0]
    assert (row.message["content"], row.sibling_index, row.sibling_count) == ("new", 0, 1)
    await check_well_formed(database.db, conversation.id)


async def test_removed_within_removed_comes_back_from_the_outside_in(tree: MessageTree) -> None:
    conversation, x, y = await forked(tree)
    await tree.remove(conversation, Address(y, 3), ALICE)
    await tree.remove(await again(conversation), Address(x, 2), ALICE)
    gone = await again(conversation)
    assert (gone.message_count, gone.branch_count) == (6, 1)
    with pytest.raises(MessageNotFoundError):
        await tree.restore(gone, Address(y, 3))
    await tree.restore(gone, Address(x, 2))
    assert (await again(conversation)).message_count == 8
    await tree.restore(await again(conversation), Address(y, 3))
    assert (await again(conversation)).message_count == 9


async def test_what_is_removed_at_once_is_counted_once(tree: MessageTree) -> None:
    conversation, x, y = await forked(tree)
    places = [Address(MAIN, 1), Address(x, 2), Address(y, 3), Address(MAIN, 4)]
    await asyncio.gather(*(tree.remove(conversation, place, ALICE) for place in places), return_exceptions=True)
    assert (await again(conversation)).message_count == 1


async def test_subtrees_that_wait_are_limited(tree: MessageTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.tree.deletion.MOST", 2)
    assert removals_module.MOST == 200
    conversation = await planted(tree, line(6))
    for depth in (5, 4):
        await tree.remove(await again(conversation), Address(MAIN, depth), ALICE)
    with pytest.raises(TooManyRemovalsError):
        await tree.remove(await again(conversation), Address(MAIN, 3), ALICE)


async def test_removing_costs_the_same_whatever_lies_below(tree: MessageTree) -> None:
    costs = []
    for forks in (3, 200):
        conversation = await planted(tree, nested(forks))
        with database_calls() as calls:
            await tree.remove(conversation, Address(MAIN, 0), ALICE)
        costs.append(calls)
    assert [call for call in costs[0] if call[0] in ("update", "insert", "delete")] == [
        ("update", "deletions"),
        ("update", "deletions"),  # that it is to be counted anew
        ("update", "conversations"),
    ]
    assert [c for c in costs[1] if c[0] == "update"] == [c for c in costs[0] if c[0] == "update"]


async def test_removing_many_nested_forks_costs_no_call_for_each(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, nested(200))
    with database_calls() as calls:
        await tree.remove(conversation, Address(MAIN, 0), ALICE)
    assert len(calls) <= 2 * LEVELS + 20
    assert (await again(conversation)).message_count == conversation.message_count  # too many to count at once
    await purge(tree)
    await check_well_formed(database.db, conversation.id)
    assert (await again(conversation)).message_count == 0


async def test_of_a_wide_subtree_no_more_is_read_than_tells_that_it_is_wide(
    tree: MessageTree, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.tree.subtree.BATCH", 10)
    made = [*line(2), *(sprout(0, f"fork {n}") for n in range(200))]
    conversation = await planted(tree, [*made, sprout(2, "below"), sprout(2, "also below")])
    buckets = Buckets(database.db, conversation.id, conversation.slot_width, tree.limits)
    for most, calls_allowed in ((20, 5), (200, 30)):
        with database_calls() as calls:
            assert await Subtree.read(database.db, buckets, Address(MAIN, 0), most) is None
        assert len(calls) <= calls_allowed
    whole = await Subtree.read(database.db, buckets, Address(MAIN, 0), 201)
    assert whole
    assert whole.total == (2 + 200 + 2, 201)


async def test_a_page_costs_three_calls_whatever_is_removed_along_many_forks(tree: MessageTree) -> None:
    conversation = await planted(tree, nested(150))
    tip = conversation.chosen_branch
    page = await tree.history(conversation).page(tip, Window(last=150))
    for row in page.rows[1:150:6]:
        old = (await tree.history(conversation).siblings(row.parent, row.address.depth, 2))[0]
        await tree.remove(await again(conversation), old, ALICE)
    current = await again(conversation)
    assert len(current.removed) == 25
    with database_calls() as calls:
        shown = await tree.history(current).page(tip, Window(last=20))
    assert [call[0] for call in calls] in (["find"] * 3, ["find"] * 2)
    assert [row.address for row in shown.rows] == [row.address for row in page.rows[-20:]]
    assert {row.sibling_count for row in shown.rows} == {1, 2}


async def test_a_deleted_conversation_comes_back_until_it_is_purged(tree: MessageTree, database: Database) -> None:
    conversation, *_ = await forked(tree)
    await tree.choose(conversation, BOB, MAIN)
    await tree.close(conversation, ALICE)
    assert (await again(conversation)).deleted
    await tree.reopen(conversation)
    await purge(tree)
    assert not (await again(conversation)).deleted
    await tree.close(conversation, ALICE)
    await purge(tree)
    for name in ("conversations", "branches", "buckets", "readers", "deletions"):
        assert await database.db[name].find({}).to_list() == []
    with pytest.raises(PurgedError):
        await tree.reopen(conversation)


async def test_a_reader_whose_branch_was_removed_is_left_on_the_one_that_it_left(tree: MessageTree) -> None:
    conversation, x, y = await forked(tree)
    assert await tree.history(conversation).refuge(y) == y
    await tree.remove(conversation, Address(y, 3), ALICE)
    assert await tree.history(await again(conversation)).refuge(y) == x
    await tree.remove(await again(conversation), Address(x, 2), ALICE)
    assert await tree.history(await again(conversation)).refuge(y) == MAIN
    await purge(tree)
    assert await tree.history(await again(conversation)).refuge(y) == MAIN


async def test_who_wrote_in_anothers_conversation_is_known_before_he_did(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(2))
    await tree.append(conversation, Address(MAIN, 1), says("x"))
    readers = await database.db.readers.find({"user_id": ALICE}).to_list()
    assert [reader["conversation_id"] for reader in readers] == [conversation.id]
