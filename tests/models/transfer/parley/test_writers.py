"""Exports while others write and purge: what comes is a sound tree of what was there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.transfer.exporting import Trees
from models.tree import MAIN, Address, Draft, MessageTree, Sprout
from models.tree.turns import Turns
from models.tree.walk import Stretch, Walk
from tests.models.transfer.parley.trees import SMALL, again, exported, imported, of_owner, person, seen
from tests.models.tree.trees import AT, line, nested, planted

SAYS = Draft(MessageRole.USER, "more")


def crowd(siblings: int) -> list[Sprout]:
    """So many first messages, and so many answers to the first of them."""
    roots = [Sprout(None, MessageRole.USER, f"root {number}", AT) for number in range(siblings)]
    return roots + [Sprout(0, MessageRole.ASSISTANT, f"answer {number}", AT) for number in range(siblings)]


@pytest.mark.parametrize(
    "sprouts",
    [line(300), nested(40), crowd(30), []],
    ids=["a long branch", "nested", "many siblings", "nothing"],
)
async def test_trees_of_extreme_shapes_come_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sprouts: list[Sprout]
) -> None:
    monkeypatch.setattr("models.tree.lineage.FANOUT", 8)
    monkeypatch.setattr("models.tree.sowing.LINEAGES", 3)
    monkeypatch.setattr("models.tree.fork_queue.IN_MEMORY", 500)
    tree, other = MessageTree(database.db, SMALL), person(2)
    source = await planted(tree, sprouts)
    report = await imported(database, await exported(database, [source]), other, tmp_path / "x")
    assert (report.imported, report.messages, report.refusals) == (1, len(sprouts), [])
    (copy,) = await of_owner(other)
    assert await seen(tree, copy) == await seen(tree, source)
    await tree.append_at_end(copy, copy.chosen_branch, SAYS)  # it lives on


async def test_what_is_written_meanwhile_makes_no_unsound_file(database: Database, tmp_path: Path) -> None:
    tree = MessageTree(database.db, SMALL)
    source = await planted(tree, nested(30))
    done = asyncio.Event()

    async def write() -> None:
        number = 0
        while not done.is_set():
            await tree.append(source, Address(MAIN, number % 2), SAYS)
            await tree.append_at_end(source, source.chosen_branch, SAYS)
            number += 1

    writers = [asyncio.create_task(write()) for _ in range(3)]
    try:
        files = [await exported(database, [await again(source)]) for _ in range(4)]
    finally:
        done.set()
        await asyncio.gather(*writers)
    counts = []
    for number, data in enumerate(files):
        report = await imported(database, data, person(10 + number), tmp_path / "x")
        assert (report.imported, report.refusals) == (1, [])
        counts.append(report.messages)
    assert counts == sorted(counts)
    assert counts[-1] > 61


async def test_a_purge_that_overtakes_an_export_leaves_it_sound(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had announced and doesn't find any more is told as vanished, and is not there after the import."""
    tree, other = MessageTree(database.db, SMALL), person(2)
    source = await planted(tree, [*line(40), *(Sprout(3, MessageRole.USER, f"fork {n}", AT) for n in range(3))])
    fork = sorted(await tree.history(source).branches(None, 10))[2].branch
    stretches = Walk.stretches

    async def overtaken(self: Walk, *rest: object) -> AsyncIterator[Stretch]:
        async for number, stretch in _numbered(stretches(self, *rest)):  # type: ignore[arg-type]
            yield stretch
            if number == 0:
                current = await again(source)
                for address in (Address(fork, 4), Address(MAIN, 30)):
                    await tree.remove(current, address, None)
                    current = await again(source)
                await tree.purge(now() + timedelta(days=1))

    monkeypatch.setattr(Walk, "stretches", overtaken)
    data = await exported(database, [await again(source)])
    monkeypatch.undo()
    assert b'"vanished":true' in data
    report = await imported(database, data, other, tmp_path / "x")
    assert (report.imported, report.refusals) == (1, [])
    (copy,) = await of_owner(other)
    was, now_ = await seen(tree, await again(source)), await seen(tree, copy)
    assert now_["paths"] == was["paths"]


async def _numbered(stretches: AsyncIterator[Stretch]) -> AsyncIterator[tuple[int, Stretch]]:
    number = 0
    async for stretch in stretches:
        yield number, stretch
        number += 1


async def test_deleted_conversations_and_those_of_others_are_not_listed(database: Database) -> None:
    tree, trees = MessageTree(database.db, SMALL), Trees(database.db, SMALL, Turns())
    mine, gone, other = [await planted(tree, line(1)) for _ in range(3)]
    await database.db.conversations.update_one({"_id": gone.id}, {"$set": {"owner_id": mine.owner_id}})
    await tree.close(gone, None)
    assert await trees.listed(mine.owner_id) == [mine.id]
    assert set(await trees.listed(None)) == {mine.id, other.id}
    assert await trees.read(gone.id) is None
    assert await Conversation.get(gone.id)
