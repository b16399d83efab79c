"""Whoever sends again what was removed, or purged, makes no other message of it."""

from typing import Any

import pytest

from models.database import Database
from models.tree import MAIN, Address, MessageTree
from models.tree.errors import (
    BranchNotFoundError,
    MessageNotFoundError,
)
from tests.models.tree.conftest import SMALL
from tests.models.tree.faults import Meeting
from tests.models.tree.test_deletion import ALICE, again, purge, says
from tests.models.tree.trees import line, planted
from tests.models.tree.wellformed import check_well_formed


async def test_a_retry_of_a_message_that_is_removed_or_purged_makes_no_other(tree: MessageTree) -> None:
    conversation = await planted(tree, line(3))
    there = [
        (await tree.append(conversation, Address(MAIN, 1), says("fork", "k1"))).address,
        (await tree.append(conversation, Address(MAIN, 2), says("next", "k2"))).address,
    ]
    for address in there:
        await tree.remove(await again(conversation), address, ALICE)
    for purged in (False, True):
        if purged:
            await purge(tree)
        current = await again(conversation)
        with pytest.raises(MessageNotFoundError):
            await tree.append(current, Address(MAIN, 1), says("fork", "k1"))
        with pytest.raises(MessageNotFoundError):
            await tree.append(current, Address(MAIN, 2), says("next", "k2"))
    assert (await again(conversation)).message_count == 3


async def test_a_message_sent_at_the_end_where_the_end_was_removed_is_one_message_at_each_retry(
    tree: MessageTree,
) -> None:
    conversation = await planted(tree, line(4))
    await tree.remove(conversation, Address(MAIN, 2), ALICE)
    current = await again(conversation)
    first = await tree.append_at_end(current, MAIN, says("x", "key"))
    assert (await tree.append_at_end(current, MAIN, says("x", "key"))).address == first.address
    await tree.restore(await again(conversation), Address(MAIN, 2))
    retried = await tree.append_at_end(await again(conversation), MAIN, says("x", "key"))
    assert (retried.address, retried.fresh) == (first.address, False)


@pytest.mark.parametrize("rivals", [1, 2])
async def test_a_retry_makes_no_other_where_the_rival_before_it_was_removed_too(
    tree: MessageTree, database: Database, rivals: int
) -> None:
    """The first try had found its place at the end taken, and gone after that."""
    conversation, mine = await planted(tree, line(3)), says("mine", "key")
    db: Any = Meeting(database.db, 2)  # between its receipt and its push

    async def overtake() -> None:
        for number in range(rivals):
            await tree.append_at_end(conversation, MAIN, says(f"rival {number}", f"r{number}"))

    db.work = overtake
    first = await MessageTree(db, SMALL).append_at_end(conversation, MAIN, mine)
    assert (first.address, db.happened) == (Address(MAIN, 3 + rivals), True)
    for purged in (False, True):
        await tree.remove(await again(conversation), Address(MAIN, 3), ALICE)
        for _ in range(2):
            with pytest.raises(MessageNotFoundError):
                await tree.append_at_end(await again(conversation), MAIN, mine)
            if purged:
                await purge(tree)
        if not purged:
            await tree.restore(await again(conversation), Address(MAIN, 3))
            retried = await tree.append_at_end(await again(conversation), MAIN, mine)
            assert (retried.address, retried.fresh) == (first.address, False)
    with pytest.raises(MessageNotFoundError):
        await tree.append_at_end(await again(conversation), MAIN, mine)
    assert (await again(conversation)).message_count == 3
    assert (await tree.append_at_end(await again(conversation), MAIN, says("new", "other"))).fresh
    await check_well_formed(database.db, conversation.id)


async def test_a_retry_of_what_was_purged_below_another_message_makes_no_other(tree: MessageTree) -> None:
    conversation = await planted(tree, line(3))
    fork = (await tree.append(conversation, Address(MAIN, 1), says("fork", "f"))).address
    drafts = [says(f"{number}", f"k{number}") for number in range(4)]
    ends = [
        (await tree.append_at_end(conversation, branch, draft)).address
        for branch, draft in zip((MAIN, MAIN, fork.branch, fork.branch), drafts, strict=True)
    ]
    for address in (ends[0], fork):
        await tree.remove(await again(conversation), address, ALICE)
    await purge(tree)
    for end, draft in zip(ends, drafts, strict=True):
        current = await again(conversation)
        with pytest.raises((MessageNotFoundError, BranchNotFoundError)):
            await tree.append_at_end(current, end.branch, draft)
        with pytest.raises(MessageNotFoundError):
            await tree.append(current, Address(end.branch, end.depth - 1), draft)
    assert (await again(conversation)).message_count == 3
