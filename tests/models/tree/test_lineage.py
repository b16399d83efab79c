"""Lineages of forks upon forks, against the plain list of segments that they stand for."""

from collections.abc import Mapping, Sequence

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tree import lineage as module
from models.tree.lineage import Chunk, Lineage, Segment, resolve
from tests.examples import examples

ROOT = Lineage(Segment("main", 0, 0))


class Stored:
    """Every branch's lineage, and how many reads of them there were."""

    def __init__(self) -> None:
        self.by_branch: dict[str, Lineage] = {"main": ROOT}
        self.reads = 0

    async def fetch(self, chunks: Sequence[Chunk]) -> Mapping[str, Lineage]:
        self.reads += 1
        for chunk in chunks:
            assert self.by_branch[chunk.holder].own.start == chunk.holder_start
        return {chunk.holder: self.by_branch[chunk.holder] for chunk in chunks}

    def fork(self, parent: Lineage, start: int, ordinal: int = 1) -> Lineage:
        branch = f"{len(self.by_branch):016x}"
        child = parent.child(Segment(branch, start, ordinal))
        self.by_branch[branch] = Lineage.of(branch, child.record())
        return self.by_branch[branch]


def expected(path: Sequence[Segment], start: int, stop: int) -> list[Segment]:
    ends = [*(segment.start for segment in path[1:]), stop]
    return [s for s, end in zip(path, ends, strict=True) if max(s.start, start) < min(end, stop)]


@pytest.fixture
def fanout(monkeypatch: pytest.MonkeyPatch) -> int:
    """A small one, so that a few forks fill every level."""
    monkeypatch.setattr(module, "FANOUT", 3)
    return 3


@settings(max_examples=examples(60))
@given(data=st.data())
async def test_any_stretch_of_any_path_is_found(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FANOUT", data.draw(st.integers(2, 4)))
        stored = Stored()
        paths: dict[str, list[Segment]] = {"main": [ROOT.own]}
        for _ in range(data.draw(st.integers(0, 60))):
            parent = stored.by_branch[data.draw(st.sampled_from(sorted(stored.by_branch)))]
            start = parent.own.start + data.draw(st.integers(1, 3))
            child = stored.fork(parent, start, data.draw(st.integers(1, 9)))
            paths[child.own.branch] = [*paths[parent.own.branch], child.own]
        for branch, path in paths.items():
            start = data.draw(st.integers(0, path[-1].start + 2))
            stop = start + data.draw(st.integers(1, 12))
            assert await resolve(stored.by_branch[branch], [range(start, stop)], stored.fetch) == expected(
                path, start, stop
            )


async def test_ten_thousand_nested_forks_stay_small_and_one_read_away() -> None:
    stored, tip = Stored(), ROOT
    for depth in range(1, 10_001):
        tip = stored.fork(tip, depth)
    path = [stored.by_branch[f"{n:016x}"].own if n else ROOT.own for n in range(10_001)]
    for start in (0, 1, 5_000, 9_871, 9_990):
        stored.reads = 0
        assert await resolve(tip, [range(start, start + 20)], stored.fetch) == expected(path, start, start + 20)
        assert stored.reads <= 1
    entries = [len(each.segments) + sum(map(len, each.levels)) for each in stored.by_branch.values()]
    assert max(entries) <= 2 * module.FANOUT
    halves = sum(entries[:5_000]), sum(entries)
    assert halves[1] <= 2 * halves[0] + 10_001 * module.FANOUT


async def test_each_level_costs_one_read(fanout: int) -> None:
    stored, tip = Stored(), ROOT
    for depth in range(1, fanout**4):
        tip = stored.fork(tip, depth)
    await resolve(tip, [range(2)], stored.fetch)
    assert stored.reads == 3
    assert all(len(level) <= fanout for each in stored.by_branch.values() for level in each.levels)


def test_a_lineage_reads_as_it_was_written() -> None:
    child = ROOT.child(Segment("a" * 16, 3, 2)).child(Segment("b" * 16, 2**31 - 1, 1))
    assert Lineage.of("b" * 16, bson.decode(bson.encode(child.record()))) == child
    assert Lineage.of("main", None) == ROOT
