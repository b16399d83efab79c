"""A message counts once, however late and out of order it comes again."""

from dataclasses import replace
from datetime import timedelta

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree
from models.tree.figures import RECENT, counting
from tests.models.tree.trees import AT

SAYS = Draft(MessageRole.USER, "text")


async def count(database: Database, conversation: Conversation, depth: int, *, at: int, fresh: bool) -> int:
    """Count the message at `depth`, made `at` ms after the first; the figure afterwards."""
    message = {"created_at": AT + timedelta(milliseconds=at)}
    update = counting(Address(MAIN, depth), message, forked=False, fresh=fresh)
    await database.db.conversations.update_one({"_id": conversation.id}, update)
    found = await Conversation.get(conversation.id)
    assert found
    assert found.counted == sorted(found.counted)
    assert len(found.counted) <= RECENT
    return found.message_count


async def test_a_message_counts_once_in_whatever_order_many_come(
    database: Database, conversation: Conversation
) -> None:
    # Made later than its successors are: a worker whose clock, or whose luck, differs.
    assert await count(database, conversation, 0, at=5, fresh=True) == 1
    for depth in range(1, 40):
        assert await count(database, conversation, depth, at=depth % 7, fresh=True) == depth + 1
    for depth in range(40):
        assert await count(database, conversation, depth, at=depth % 7 if depth else 5, fresh=False) == 40


async def test_a_retry_is_counted_if_the_first_try_was_not(database: Database, conversation: Conversation) -> None:
    for depth in range(RECENT + 4):
        await count(database, conversation, depth, at=depth, fresh=True)
    for late in range(RECENT - 1):
        assert await count(database, conversation, 100, at=100, fresh=False) == RECENT + 5 + late
        await count(database, conversation, 101 + late, at=101 + late, fresh=True)
    assert await count(database, conversation, 3, at=3, fresh=False) == RECENT + 5 + RECENT - 1


async def test_the_figures_follow_appends_and_their_retries(tree: MessageTree, conversation: Conversation) -> None:
    drafts = [replace(SAYS, content=f"{n}", idempotency_key=f"k{n}") for n in range(3 * RECENT)]
    for draft in [*drafts, *drafts]:
        await tree.append_at_end(conversation, MAIN, draft)
    found = await Conversation.get(conversation.id)
    assert found
    assert found.message_count == 3 * RECENT
