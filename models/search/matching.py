"""Whether a text holds what a query wants, judged on the text itself, and where."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from models.search.analysis import Forms, Unit, form, forms, spoken, units
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
    held = _Text(text)
    if any(True for clause in query.unwanted for _ in held.places(clause)):
        return None
    found: list[Mark] = []
    for clause in query.wanted:
        places = list(islice(held.places(clause), CONSIDERED))
        if not places:
            return None
        found += places
    return _merged(sorted(found, key=lambda mark: (mark.start, mark.end)))


class _Text:
    """A text's units, and their forms by the languages that it is taken for."""

    def __init__(self, text: str) -> None:
        self._units = list(units(text))
        self._spoken = {language: self._said(language) for language in spoken(self._units)}

    def _said(self, language: int) -> list[str]:
        return [unit.text if unit.alone else form(unit.text, language) for unit in self._units]

    def places(self, clause: Clause) -> Iterator[Mark]:
        """Where the clause stands; overlapping places too."""
        wanted = [_forms(unit) for unit in clause.units]
        length = len(wanted)
        starts = {
            start
            for language, said in self._spoken.items()
            for start in _found(said, [each[language] for each in wanted])
        }
        for start in sorted(starts):
            if self._joined(clause, start):
                yield Mark(self._units[start].start, self._units[start + length - 1].end)

    def _joined(self, clause: Clause, start: int) -> bool:
        """Kinds agree, and characters that stand side by side in the query do so in the text."""
        here = self._units[start : start + len(clause.units)]
        if any(one.alone != other.alone for one, other in zip(here, clause.units, strict=True)):
            return False
        pairs = zip(clause.units, clause.units[1:], here, here[1:], strict=False)
        return all(b.end != a.start or not (a.alone and b.alone) or y.end == x.start for b, a, y, x in pairs)


def _forms(unit: Unit) -> Forms:
    return (unit.text,) * 5 if unit.alone else forms(unit.text)


def _found(said: list[str], wanted: list[str]) -> Iterator[int]:
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
