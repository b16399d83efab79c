"""Whether a text holds what a query wants, judged on the text itself, and where."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, repeat
from typing import Final, Protocol

from models.search.analysis import form, spans, spoken, units, words
from models.search.languages import languages
from models.search.query import Clause, Query

CONSIDERED: Final = 1_000
"""Places of a clause: a long message may have a hundred thousand, of which nobody is shown more than a few."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


def marks(query: Query, text: str) -> list[Mark] | None:
    """Where the wanted clauses stand in `text`, in order, the first of each; None where it doesn't match."""
    held: _Text = _Words(text) if text.isascii() else _Units(text)
    if any(True for clause in query.unwanted for _ in _places(held, clause)):
        return None
    found: list[Mark] = []
    for clause in query.wanted:
        places = list(islice(_places(held, clause), CONSIDERED))
        if not places:
            return None
        found += places
    return _merged(sorted(found, key=lambda mark: (mark.start, mark.end)))


class _Text(Protocol):
    """A text, cut into units that are numbered from 0."""

    @property
    def spoken(self) -> Mapping[int, Sequence[str]]:
        """Each unit's form, by each language that the text is taken for."""

    def joined(self, clause: Clause, start: int) -> bool:
        """Kinds agree, and characters that stand side by side in the query do so in the text."""

    def mark(self, first: int, last: int) -> Mark:
        """The stretch from the first of these units to the end of the last."""


class _Words:
    """A text in ASCII, as most are: words alone, so a quicker way to the same. Where they stand is seldom asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        found = words(text)
        self.spoken = {language: list(map(form, found, repeat(language))) for language in languages(Counter(found))}

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        return spans(self._text)

    def joined(self, clause: Clause, start: int) -> bool:
        return not any(unit.alone for unit in clause.units)

    def mark(self, first: int, last: int) -> Mark:
        return Mark(self._spans[first][0], self._spans[last][1])


class _Units:
    """Any text."""

    def __init__(self, text: str) -> None:
        self._units = list(units(text))
        self.spoken = {language: self._said(language) for language in spoken(self._units)}

    def _said(self, language: int) -> list[str]:
        return [unit.text if unit.alone else form(unit.text, language) for unit in self._units]

    def joined(self, clause: Clause, start: int) -> bool:
        here = self._units[start : start + len(clause.units)]
        if any(one.alone != other.alone for one, other in zip(here, clause.units, strict=True)):
            return False
        pairs = zip(clause.units, clause.units[1:], here, here[1:], strict=False)
        return all(b.end != a.start or not (a.alone and b.alone) or y.end == x.start for b, a, y, x in pairs)

    def mark(self, first: int, last: int) -> Mark:
        return Mark(self._units[first].start, self._units[last].end)


def _places(text: _Text, clause: Clause) -> Iterator[Mark]:
    """Where the clause stands; overlapping places too."""
    starts = {
        start
        for language, said in text.spoken.items()
        for start in _found(said, [each[language] for each in clause.forms])
    }
    for start in sorted(starts):
        if text.joined(clause, start):
            yield text.mark(start, start + len(clause.units) - 1)


def _found(said: Sequence[str], wanted: list[str]) -> Iterator[int]:
    """Where `wanted` begins in `said`."""
    start = -1
    while True:
        try:
            start = said.index(wanted[0], start + 1)
        except ValueError:
            return
        if said[start : start + len(wanted)] == wanted:
            yield start


def _merged(found: Sequence[Mark]) -> list[Mark]:
    merged: list[Mark] = []
    for mark in found:
        if merged and mark.start < merged[-1].end:
            merged[-1] = Mark(merged[-1].start, max(merged[-1].end, mark.end))
        else:
            merged.append(mark)
    return merged
