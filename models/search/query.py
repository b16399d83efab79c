"""What people type: words, "phrases in quotes", and -what must not occur."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from models.search.analysis import Forms, Unit, alone, forms, paired, terms_of, units
from models.search.languages import PLAIN

MAX_LENGTH: Final = 1_000
MAX_UNITS: Final = 32

_PART: Final = re.compile(r"""(?P<minus>(?<!\S)-)?(?:["“”„](?P<quoted>[^"“”„]*)(?:["“”„]|\Z)|(?P<plain>[^\s"“”„]+))""")


class QueryError(ValueError):
    """A query that can't be answered, and why."""


@dataclass(frozen=True)
class Clause:
    """Units that stand one after the other; most often just one."""

    units: tuple[Unit, ...]
    negated: bool = False

    @cached_property
    def forms(self) -> tuple[Forms, ...]:
        """Of each unit."""
        return tuple((unit.text,) * (PLAIN + 1) if unit.alone else forms(unit.text) for unit in self.units)

    @cached_property
    def needles(self) -> tuple[frozenset[bytes], ...]:
        """Sets of terms: whatever holds the clause has one of each set. Exactly that, where there is one unit."""
        pairs = [alone(a.text + b.text) for a, b in zip(self.units, self.units[1:], strict=False) if paired(a, b)]
        single = [unit for unit in self.units if not unit.alone]
        sets = [frozenset(terms_of(unit.text)) for unit in single] + [frozenset([pair]) for pair in pairs]
        if not pairs:
            sets += [frozenset([alone(unit.text)]) for unit in self.units if unit.alone]
        return tuple(dict.fromkeys(sets))


@dataclass(frozen=True)
class Query:
    """All `wanted` clauses must hold, and no `unwanted` one."""

    wanted: tuple[Clause, ...]
    unwanted: tuple[Clause, ...]

    @cached_property
    def needles(self) -> tuple[frozenset[bytes], ...]:
        """Of all wanted clauses, each once, in their order."""
        return tuple(dict.fromkeys(needle for clause in self.wanted for needle in clause.needles))


def parse(text: str) -> Query:
    """Read a query. Anything is one, unless it is too long or holds nothing to look for: then `QueryError`."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"must not exceed {MAX_LENGTH:,} characters")
    clauses = list(dict.fromkeys(_clauses(text)))
    if sum(len(clause.units) for clause in clauses) > MAX_UNITS:
        raise QueryError(f"must not exceed {MAX_UNITS} words")
    wanted = tuple(clause for clause in clauses if not clause.negated)
    if not wanted:
        raise QueryError("needs a word to look for")
    return Query(wanted, tuple(clause for clause in clauses if clause.negated))


def _clauses(text: str) -> Iterator[Clause]:
    for part in _PART.finditer(text):
        said = part["quoted"] if part["plain"] is None else part["plain"]
        found = tuple(units(said))
        if found:
            yield Clause(found, part["minus"] is not None)
