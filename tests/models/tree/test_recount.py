"""Figures and places of what was written while a subtree was removed: right once nobody is at work any more."""

import contextlib
from datetime import timedelta
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.deletion import DeletionKind
from models.tree import MAIN, Address, Draft, MessageTree, deletion
from models.tree.errors import MessageNotFoundError
from models.tree.recount import recount
from tests.models.tree.conftest import SMALL
from tests.models.tree.faults import Crash, Meeting, Mortal
from tests.models.tree.trees import line, planted, sprout

ALICE = PydanticObjectId()
ROOT = Address(MAIN, 2)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr(deletion, "SETTLED", timedelta(0))


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def figures(conversation: Conversation) -> tuple[int, int]:
    current = await again(conversation)
    return current.message_count, current.branch_count


def draft(key: str | None = None) -> Draft:
    return Draft(MessageRole.USER, "said", ALICE, idempotency_key=key)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("parent", [Address(MAIN, 4), Address(MAIN, 2)])
async def test_what_is_appended_while_it_is_removed_is_counted_once_it_is_back(
    tree: MessageTree, database: Database, parent: Address, at: int
) -> None:
    """The removal comes before the append's write number `at`; then the append is told of it, or was before it."""
    conversation = await planted(tree, line(5))
    db = Meeting(database.db, at)

    async def remove() -> None:
        await tree.remove(await again(conversation), ROOT, ALICE)

    db.work = remove
    await MessageTree(cast(Any, db), SMALL).append(conversation, parent, draft())
    if not db.happened:
        await remove()
    await tree.purge_due()
    assert await figures(conversation) == (2, 1)
    await tree.restore(await again(conversation), ROOT)
    assert await figures(conversation) == (6, 1 if parent.depth == 4 else 2)


@pytest.mark.parametrize("at", [1, 2, 4, 5])
@pytest.mark.parametrize("parent", [Address(MAIN, 4), Address(MAIN, 2)])
async def test_what_a_dead_writer_left_in_a_removed_subtree_is_counted_once_it_is_back(
    tree: MessageTree, database: Database, parent: Address, at: int
) -> None:
    conversation = await planted(tree, line(5))
    mortal = MessageTree(cast(Any, Mortal(database.db, at)), SMALL)
    with contextlib.suppress(Crash):
        await mortal.append(conversation, parent, draft("k"))
    await tree.remove(await again(conversation), ROOT, ALICE)
    with pytest.raises(MessageNotFoundError):
        await tree.append(await again(conversation), parent, draft("k"))
    await tree.sweep(now() + timedelta(days=1))
    await tree.purge_due()
    assert await figures(conversation) == (2, 1)
    await tree.restore(await again(conversation), ROOT)
    current = await again(conversation)
    branches = await database.db.branches.distinct("branch", {"conversation_id": conversation.id})
    there = {MAIN: 5} | {name: 1 for name in branches if name != MAIN}
    rows = await tree.history(current).rows([parent.next, Address(MAIN, 3), *(Address(b, 3) for b in branches)])
    there[MAIN] += parent.depth == 4 and parent.next in rows
    assert (current.message_count, current.branch_count) == (sum(there.values()), len(branches))
    assert {row.sibling_count for row in rows.values() if row.address.depth == 3} == {len(branches)}
    assert (await tree.append(current, parent, draft("k"))).address in rows or len(branches) == 1
    assert (await again(conversation)).message_count == 6


async def test_nested_removals_are_told_apart(tree: MessageTree, database: Database) -> None:
    """Each has what lies in it and in no inner one; so they may come back in any order that there is."""
    below = [sprout(3, "fork"), sprout(5, "on it"), sprout(6, "a fork of it"), sprout(6, "another")]
    conversation = await planted(tree, [*line(5), *below])
    outer, inner = Address(MAIN, 1), Address(MAIN, 4)
    await tree.remove(await again(conversation), inner, ALICE)
    await tree.remove(await again(conversation), outer, ALICE)
    right = await again(conversation)
    wrong = [each.model_copy(update={"messages": 0, "branches": 9}).model_dump() for each in right.removed]
    await database.db.conversations.update_one(
        {"_id": conversation.id}, {"$set": {"message_count": -1, "branch_count": 7, "removed": wrong}}
    )
    assert await recount(database.db, conversation.id)
    current = await again(conversation)
    assert current.removed == right.removed
    assert await figures(conversation) == (1, 1)
    for root in (outer, inner):
        await tree.restore(await again(conversation), root)
    assert await figures(conversation) == (9, 3)


async def test_what_is_being_written_to_or_purged_is_counted_later(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(5))
    await tree.remove(await again(conversation), ROOT, ALICE)
    db = Meeting(database.db, 1)

    async def append() -> None:
        await tree.append(await again(conversation), Address(MAIN, 0), draft())

    db.work = append  # between reading and writing
    assert await recount(cast(Any, db), conversation.id)
    assert await figures(conversation) == (3, 2)
    purging = {"$set": {"removed.$[].purging": True}}
    await database.db.conversations.update_one({"_id": conversation.id}, purging)
    await tree.purge_due()
    assert await database.db.deletions.count_documents({"kind": DeletionKind.FIGURES}) == 1
    await database.db.conversations.delete_one({"_id": conversation.id})
    await tree.purge_due()
    assert await database.db.deletions.count_documents({"kind": DeletionKind.FIGURES}) == 0
