"""A conversation appears whole or not at all, whenever the worker that makes it dies."""

from itertools import count
from typing import Any, cast

import pytest

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Draft, MessageTree, Window, plant
from tests.models.tree.conftest import SMALL, unborn
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.model import walk
from tests.models.tree.trees import nested, sprout
from tests.models.tree.wellformed import check_well_formed

TREE = [*nested(9), sprout(None, "another first message"), *(sprout(0, f"other {n}") for n in range(3))]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a tree takes many writes."""
    monkeypatch.setattr(plant, "BATCH_BYTES", 1_000)


async def visible(conversation: Conversation) -> bool:
    return await Conversation.get(conversation.id) is not None


async def test_a_tree_that_was_half_planted_is_planted_whole_by_the_next_try(
    database: Database, tree: MessageTree
) -> None:
    for at in count(1):
        db = Mortal(database.db, at)
        conversation = unborn()
        try:
            assert await MessageTree(cast(Any, db), SMALL).plant(conversation, TREE, 18)
        except Crash:
            # After it is visible only the note goes that it is being planted.
            assert await visible(conversation) is not await tree.plant(conversation, TREE, 18)
        assert not await tree.plant(conversation, TREE, 18)
        found = await Conversation.get(conversation.id)
        assert found
        await check_well_formed(database.db, conversation.id)
        assert (found.message_count, found.root_forks) == (len(TREE), 1)
        rows = await walk(tree.history(found), found.chosen_branch, 6)
        assert [row.message["content"] for row in rows] == [f"new {n}" for n in range(10)]
        if not db.happened:
            return


async def test_a_conversation_that_was_half_started_is_none(database: Database, tree: MessageTree) -> None:
    for at in count(1):
        db = Mortal(database.db, at)
        conversation = unborn()
        try:
            await MessageTree(cast(Any, db), SMALL).start(conversation)
        except Crash:
            assert not await visible(conversation)
            continue
        appended = await tree.append(conversation, None, Draft(MessageRole.USER, "first"))
        page = await tree.history(conversation).page(MAIN, Window(last=1))
        assert [row.address for row in page.rows] == [appended.address]
        assert not db.happened
        return
