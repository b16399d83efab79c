"""Database calls are counted: few for a page of any branch, fewest for an append; no answer has a second batch."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits, Window
from models.tree.together import SHORT
from tests.models.commands import Command, Commands, watched
from tests.models.tree.conftest import started
from tests.models.tree.trees import line, nested, planted

SAYS = Draft(MessageRole.USER, "something to say")


@pytest.fixture
async def listened(database: Database, stores: EmbeddedStores) -> AsyncIterator[tuple[MessageTree, Commands]]:
    """A tree with real limits, and what it sends."""
    async with watched(database, stores.mongodb_uri) as (db, commands):
        yield MessageTree(db, TreeLimits()), commands


def windows(length: int) -> list[Window]:
    """The first page, the last, and one in the middle in both directions."""
    return [Window(first=20), Window(last=20), Window(first=100), Window(last=100)]


async def read(
    listened: tuple[MessageTree, Commands], conversation: Conversation, branch: str, window: Window
) -> list[Command]:
    """Read a page, check it, and return what was sent for it."""
    tree, commands = listened
    with commands.during() as sent:
        page = await tree.history(conversation).page(branch, window)
    assert [row.address.depth for row in page.rows] == list(page.span)
    assert len(page.rows) == min(page.length, window.first or window.last or 0)
    return sent


def names(sent: list[Command]) -> list[str]:
    return [str(command) for command in sent]


async def test_a_page_of_nothing_takes_one_call(listened: tuple[MessageTree, Commands]) -> None:
    conversation = await started(listened[0], 50)
    assert names(await read(listened, conversation, MAIN, Window(first=20))) == ["find buckets"]


@pytest.mark.parametrize("length", [1, 30, 3_000])
async def test_a_page_of_one_branch_takes_one_call(listened: tuple[MessageTree, Commands], length: int) -> None:
    conversation = await planted(listened[0], line(length))
    for window in windows(length):
        sent = await read(listened, conversation, MAIN, window)
        assert names(sent) in (["find buckets"], ["aggregate buckets"])  # which of them, by what is known already
        # A message takes 92 bytes and its JSON 110; a bucket's frame and the answer's, a little more.
        assert sum(command.reply_bytes for command in sent) < 150 * 102 + 2_000


async def test_a_page_across_a_hundred_forks_takes_two_calls(listened: tuple[MessageTree, Commands]) -> None:
    conversation = await planted(listened[0], nested(120))
    for window in windows(120):
        sent = await read(listened, conversation, conversation.chosen_branch, window)
        assert names(sent) == ["find buckets", "find buckets"]


async def test_a_page_below_ten_thousand_forks_takes_three_calls(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, nested(10_000))
    tip = conversation.chosen_branch
    with commands.during() as sent:
        page = await tree.history(conversation).page(tip, Window(last=100))
    middle = page.rows[0].address
    for _ in range(60):  # on the way up, as a reader scrolls
        with commands.during() as sent:
            page = await tree.history(conversation).page(tip, Window(last=100, before=middle))
        assert len(sent) <= 3
        assert "getMore" not in {command.name for command in sent}
        assert sum(command.reply_bytes for command in sent) < 64 * 1024
        middle = page.rows[0].address
    for window in [*windows(10_000), Window(first=20, after=middle), Window(last=20, before=middle)]:
        sent = await read(listened, conversation, tip, window)
        assert len(sent) <= 3
        assert "getMore" not in {command.name for command in sent}


async def test_messages_that_each_fill_a_bucket_come_in_one_call(database: Database, stores: EmbeddedStores) -> None:
    async with watched(database, stores.mongodb_uri) as (db, commands):
        tree = MessageTree(db, replace(TreeLimits(), bucket_bytes=1))
        conversation = await planted(tree, line(400))
        assert await db.buckets.count_documents({}) == 400
        for window in windows(400):
            assert len(await read((tree, commands), conversation, MAIN, window)) == 1


async def test_a_hundred_messages_by_address_take_three_calls(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, nested(150))
    page = await tree.history(conversation).page(conversation.chosen_branch, Window(last=100))
    with commands.during() as sent:
        rows = await tree.history(conversation).rows([row.address for row in page.rows])
    assert [rows[row.address] for row in page.rows] == list(page.rows)
    assert names(sent) == ["find buckets"] * 3


async def test_messages_of_short_conversations_take_one_call_and_a_long_one_another(
    listened: tuple[MessageTree, Commands],
) -> None:
    tree, commands = listened
    short = [await planted(tree, line(number + 2)) for number in range(5)]
    asked = [(each, None, [Address(MAIN, each.message_count - 1)]) for each in short]
    with commands.during() as sent:
        rows = await tree.rows(asked)
    assert [row.message["content"] for each in rows for row in each.values()] == ["m1", "m2", "m3", "m4", "m5"]
    assert names(sent) == ["aggregate buckets"]
    assert sum(command.reply_bytes for command in sent) < 5 * (2 * 92 + 150) + 500  # each message, and the one before
    long = await planted(tree, line(SHORT + 1))
    with commands.during() as sent:
        await tree.rows([*asked, (long, None, [Address(MAIN, 7)])])
    assert names(sent) == ["aggregate buckets", "find buckets"]


async def test_messages_that_begin_branches_of_many_short_conversations_take_three_calls(
    listened: tuple[MessageTree, Commands],
) -> None:
    tree, commands = listened
    asked = []
    for _ in range(3):
        conversation = await started(tree, 50)
        await tree.append(conversation, None, SAYS)
        for _ in range(2):
            fork = await tree.append(conversation, Address(MAIN, 0), SAYS)
        asked.append((conversation, None, [fork.address]))
    with commands.during() as sent:
        rows = await tree.rows(asked)
    assert names(sent) == ["aggregate buckets"] * 3
    assert [row.parent for each in rows for row in each.values()] == [Address(MAIN, 0)] * 3


async def test_a_hundred_siblings_and_their_branches_take_a_call_each(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, [*line(1), *(replace(line(2)[1], content=f"{n}") for n in range(120))])
    history = tree.history(conversation)
    row = (await history.rows([Address(MAIN, 1)]))[Address(MAIN, 1)]
    with commands.during() as sent:
        siblings = await history.siblings(row.parent, row.address.depth, 110)
    assert (len(siblings), names(sent)) == (110, ["find branches"])
    with commands.during() as sent:
        ends = await history.ends([sibling.branch for sibling in siblings])
    assert (len(ends), names(sent)) == (110, ["find buckets"])


PUSH = ["update buckets"]
TOUCH = ["update conversations"]


async def test_an_append_takes_one_write_and_the_touch(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, line(3_010))
    owner = replace(SAYS, author_id=conversation.owner_id)
    with commands.during() as sent:
        await tree.append(conversation, Address(MAIN, 3_009), owner)
    assert names(sent) == PUSH + TOUCH
    with commands.during() as sent:
        await tree.append(conversation, Address(MAIN, 3_010), replace(owner, idempotency_key="k"))
    assert names(sent) == PUSH + TOUCH
    another = replace(SAYS, author_id=PydanticObjectId())
    with commands.during() as sent:
        await tree.append(conversation, Address(MAIN, 3_011), another)
    assert names(sent) == ["find readers", "update readers", *PUSH, *TOUCH]
    with commands.during() as sent:
        await tree.append(conversation, Address(MAIN, 3_012), another)
    assert names(sent) == ["find readers", *PUSH, *TOUCH]
    with commands.during() as sent:
        await tree.append_at_end(conversation, MAIN, owner)
    assert names(sent) == ["find buckets", *PUSH, *TOUCH]
    with commands.during() as sent:
        await tree.append_at_end(conversation, MAIN, replace(owner, idempotency_key="l"))
    assert names(sent) == ["find buckets", "insert append_receipts", *PUSH, *TOUCH]


async def test_a_new_bucket_takes_a_look_and_two_writes_more(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, line(50))
    with commands.during() as sent:
        await tree.append(conversation, Address(MAIN, 49), replace(SAYS, author_id=conversation.owner_id))
    assert names(sent) == [*PUSH, "find buckets", "insert buckets", "update buckets", *TOUCH]


async def test_a_fork_takes_the_same_calls_however_many_there_are(listened: tuple[MessageTree, Commands]) -> None:
    tree, commands = listened
    conversation = await planted(tree, nested(300))
    page = await tree.history(conversation).page(conversation.chosen_branch, Window(last=2))
    costs = []
    for parent in (Address(MAIN, 0), page.rows[0].address, Address(MAIN, 0), page.rows[0].address):
        with commands.during() as sent:
            assert (await tree.append(conversation, parent, SAYS)).forked
        costs.append(names(sent))
    look = [*PUSH, "find buckets", "find buckets"]
    fork = ["insert buckets", "find buckets", "insert branches", "update buckets", "update buckets"]
    assert costs == [[*look, *fork, *TOUCH]] * 4
