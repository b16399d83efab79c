"""Reading one line in order, a window at a time, each of which holds few conversations however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from models.database import Record
from models.listing.lines import Line
from models.listing.starts import LITTLE, MANY, Starts

MARKS: Final = MANY
"""Marks of the first level asked for at once."""
CROWD: Final = 8
"""Marks of one instant that make it a crowd, which is read by ids: some 250 conversations."""


@dataclass(slots=True)
class Walk:
    """From `at` on, and before `end`; `beyond` is an id after which it starts within its first instant.

    `budget` are the marks that it may still pass, of some 32 conversations each. Afterwards `ended` tells that nothing
    is left; if it isn't, `at` and `beyond` tell how far it came.
    """

    line: Line
    at: int | None
    end: int | None
    wanted: Sequence[Record]
    need: int
    budget: int
    beyond: int | None = None
    stride: int = 0
    """Marks to the next window; the first ones make a page more likely than not, each further one is twice as wide."""
    starts: Starts = field(default_factory=Starts)
    found: list[Record] = field(default_factory=list)
    ended: bool = False
    seen: int | None = field(init=False)
    """Marks of the first level from the line's beginning on; None where it isn't read from there, or not by them."""

    def __post_init__(self) -> None:
        self.stride = self.stride or 2 + self.need // 32
        self.seen = 0 if self._is_whole else None

    async def run(self) -> "Walk":
        """Read until there is enough, nothing left, or the budget is spent."""
        await self._begin()
        while not self._done:
            await self._descend(self.starts.top, self.end)
        return self

    @property
    def _is_whole(self) -> bool:
        return self.at is None and self.end is None and self.line.instant is None

    async def _begin(self) -> None:
        """Read as far as a list was read lately."""
        start = self.starts.of(self.line)
        if start is None or start.level > 1 or not (start.edge is None or self._is_whole):
            return
        edge = self.end if start.edge is None else start.edge
        if start.level == 1:
            await self._windows(edge)
            return
        self.seen = None
        self.budget -= LITTLE + 1
        await self._read(edge)

    @property
    def _done(self) -> bool:
        return self.ended or len(self.found) >= self.need or self.budget <= 0

    async def _descend(self, level: int, edge: int | None) -> None:
        """Read up to the next mark of that level, or to `edge` if that comes first."""
        if level == 1:
            await self._windows(edge)
            return
        marks = await self.line.marks(level, self.at, edge, 2)
        if self._is_crowd(marks, 2):
            await self._crowd(marks[0])
            return
        nearer = next((mark for mark in marks if mark != self.at), edge)
        await self._descend(level - 1, nearer)
        while not self._done and self.at != nearer:
            await self._descend(level - 1, nearer)

    async def _windows(self, edge: int | None) -> None:
        marks = await self.line.marks(1, self.at, edge, MARKS)
        if self._is_crowd(marks, CROWD):
            await self._crowd(marks[0])
            return
        if len(marks) == MARKS:  # there are more, perhaps at the last one's instant
            edge = marks[-1]
            marks = [mark for mark in marks if mark != edge]
        if self.seen is not None:
            self.seen += len(marks)
            self.starts.note(self.line, self.seen, edge)
        for stop, passed in windows(self.at, marks, edge, self.stride):
            await self._read(stop)
            self.stride *= 2
            self.budget -= passed + 1
            if self._done:
                return

    async def _read(self, stop: int | None) -> None:
        self.found += await self.line.read(self.at, stop, self.wanted, self.need - len(self.found))
        self.at, self.beyond, self.ended = stop, None, stop == self.end

    def _is_crowd(self, marks: Sequence[int], most: int) -> bool:
        """Whether so many marks stand at the instant where it is."""
        return self.line.instant is None and len(marks) >= most and marks[most - 1] == self.at

    async def _crowd(self, instant: int) -> None:
        """Read the conversations of that instant, by their ids."""
        onwards, self.seen = self.line.direction, None
        first = None if self.beyond is None else self.beyond + onwards
        line, need = self.line.within(instant), self.need - len(self.found)
        inner = Walk(line, first, None, self.wanted, need, self.budget, stride=self.stride, starts=self.starts)
        await inner.run()
        self.found += inner.found
        self.budget = inner.budget
        if inner.ended:
            self.at, self.beyond = instant + onwards, None
            self.ended = self.at == self.end
        elif inner.at is not None:
            self.beyond = inner.at - onwards


def windows(at: int | None, marks: Sequence[int], edge: int | None, stride: int) -> Iterator[tuple[int | None, int]]:
    """Where windows from `at` on end that pass some `stride` marks, then twice as many …, and how many they pass.

    A crowd begins a window of its own, and ends the sequence: it is to be read by ids.
    """
    passed = 0
    for mark, group in groupby(marks):
        count = len(list(group))
        if mark != at and (passed >= stride or count >= CROWD):
            yield mark, passed
            if count >= CROWD:
                return
            at, passed, stride = mark, 0, 2 * stride
        passed += count
    yield edge, passed
