"""Nothing stored grows without a bound: not with a conversation's bytes, nor with forks upon forks."""

import time

import bson
import pytest

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits, Window
from models.tree.errors import TooLargeError
from models.tree.lineage import ENTRY, FANOUT
from tests.models.tree.model import walk_back
from tests.models.tree.trees import line, nested, planted, sprout
from tests.models.tree.wellformed import check_well_formed

MIB = 1024 * 1024
FULL = 2 * FANOUT * ENTRY.size + 200
"""Bytes of a lineage with two full levels, as below 16,384 nested forks."""


def long_text(number: int, size: int) -> str:
    """`size` bytes, of which the first tell the number."""
    return f"{number} ".ljust(size, "é" if size % 2 else "x")[:size]


@pytest.fixture
def tree(database: Database) -> MessageTree:
    """With real limits."""
    return MessageTree(database.db, TreeLimits())


async def largest(database: Database, conversation: Conversation) -> int:
    """Bytes of its largest bucket."""
    buckets = database.db.buckets.find({"conversation_id": conversation.id})
    return max([len(bson.encode(bucket)) async for bucket in buckets])


async def test_a_conversation_of_sixty_megabytes_reads_like_any_other(database: Database, tree: MessageTree) -> None:
    sizes = [250_000] * 200 + [MIB] * 10
    sprouts = [sprout(n - 1 if n else None, long_text(n, size)) for n, size in enumerate(sizes)]
    conversation = await planted(tree, sprouts)
    for number in range(len(sizes), len(sizes) + 4):
        says = Draft(MessageRole.USER, long_text(number, MIB))
        assert (await tree.append_at_end(conversation, MAIN, says)).address == Address(MAIN, number)
    assert await largest(database, conversation) < 2 * MIB
    history = tree.history(conversation)
    started = time.perf_counter()
    for window in (Window(last=5), Window(first=5), Window(first=5, after=Address(MAIN, 120))):
        page = await history.page(MAIN, window)
        assert [row.message["content"].split()[0] for row in page.rows] == [str(depth) for depth in page.span]
    print(f"three pages of five: {time.perf_counter() - started:.2f} s")  # noqa: T201
    await check_well_formed(database.db, conversation.id)


async def test_messages_at_the_cap_share_no_bucket_and_over_it_are_refused(
    database: Database, tree: MessageTree
) -> None:
    conversation = await planted(tree, line(49))
    for content in ("x" * MIB, "é" * (MIB // 2)):
        await tree.append_at_end(conversation, MAIN, Draft(MessageRole.USER, content))
    with pytest.raises(TooLargeError):
        await tree.append_at_end(conversation, MAIN, Draft(MessageRole.USER, "é" * (MIB // 2) + "x"))
    assert await largest(database, conversation) < MIB + 300_000
    assert (await tree.history(conversation).page(MAIN, Window(last=1))).length == 51


async def test_ten_thousand_nested_forks_grow_linearly(database: Database, tree: MessageTree) -> None:
    forks = 10_000
    conversation = await planted(tree, nested(forks))
    query = {"conversation_id": conversation.id, "lineage": {"$ne": None}}
    found = database.db.buckets.find(query, {"lineage": 1})
    sizes = {bucket["lineage"]["start"]: len(bson.encode(bucket["lineage"])) async for bucket in found}
    for below in (2_500, 5_000, 10_000):
        print(f"{below} forks: {sum(sizes[n + 1] for n in range(below)):,} bytes of lineage")  # noqa: T201
    # A bound for each is a linear bound for all; on the average it is half of that at most.
    assert max(sizes.values()) < FULL
    assert sum(sizes.values()) < forks * FULL / 2
    assert await largest(database, conversation) < FULL + 1_000
    history = tree.history(conversation)
    rows = await walk_back(history, conversation.chosen_branch, 100)
    assert [row.message["content"] for row in rows] == [f"new {depth}" for depth in range(forks + 1)]
    assert {(row.sibling_index, row.sibling_count) for row in rows[1:]} == {(1, 2)}


async def test_forks_upon_forks_appended_read_as_the_planted_ones(database: Database, tree: MessageTree) -> None:
    conversation = await planted(tree, [])
    tip = (await tree.append(conversation, None, Draft(MessageRole.USER, "new 0"))).address
    for depth in range(1, 2 * FANOUT + 10):
        await tree.append(conversation, tip, Draft(MessageRole.USER, f"old {depth}"))
        tip = (await tree.append(conversation, tip, Draft(MessageRole.USER, f"new {depth}"))).address
    rows = await walk_back(tree.history(conversation), tip.branch, 100)
    assert [row.message["content"] for row in rows] == [f"new {depth}" for depth in range(2 * FANOUT + 10)]
    assert {(row.sibling_index, row.sibling_count) for row in rows[1:]} == {(1, 2)}
    await check_well_formed(database.db, conversation.id)
