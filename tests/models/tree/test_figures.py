"""A message counts once, however late and out of order it comes again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree
from models.tree.figures import RECENT, counting, entry_of
from tests.models.tree.trees import AT

SAYS = Draft(MessageRole.USER, "text")


async def count(
    database: Database, conversation: Conversation, depth: int, *, at: int, fresh: bool, first: datetime = AT
) -> int:
    """Count the message at `depth`, made `at` ms after the first; the figure afterwards."""
    message = {"created_at": first + timedelta(milliseconds=at)}
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


def test_what_is_remembered_is_in_the_order_of_the_times() -> None:
    tick = timedelta(milliseconds=1)
    turns = [datetime.fromtimestamp(second, UTC) for second in (-(10**10), -1, 0, 10**3, 10**8, 10**9, 10**10)]
    times = [datetime.min.replace(tzinfo=UTC), *(turn + by for turn in turns for by in (-tick, 0 * tick, tick))]
    times.append(datetime.max.replace(tzinfo=UTC))
    entries = [entry_of(Address(MAIN, 0), {"created_at": each}) for each in times]
    assert entries == sorted(entries)
    assert len(set(entries)) == len(times)


async def test_messages_of_before_2001_count_once_beside_later_ones(
    database: Database, conversation: Conversation
) -> None:
    turn, second = datetime.fromtimestamp(10**9, UTC), 1000
    for depth in range(2 * RECENT):
        at = (depth - RECENT) * second
        assert await count(database, conversation, depth, at=at, fresh=True, first=turn) == depth + 1
    for depth in range(2 * RECENT):
        at = (depth - RECENT) * second
        assert await count(database, conversation, depth, at=at, fresh=False, first=turn) == 2 * RECENT


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
