"""By which way a rule came to somebody: assignment, role, inherited role, grant; or policy."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from permissions.engine.facts import Assignment, Subject
from permissions.engine.rules import Rule
from permissions.engine.snapshot import Snapshot

MOST_PATHS: Final = 20
"""Ways shown for one rule: a graph of diamonds has more than anybody reads."""


class Path(NamedTuple):
    """`steps` are role names from the one that was assigned down to the one that grants; or a policy's name alone."""

    steps: tuple[str, ...]
    assignments: tuple[Assignment, ...] = ()


class Paths:
    """The ways to the rules of somebody who holds these roles. Make one for many rules: it looks round once."""

    def __init__(self, snapshot: Snapshot, subject: Subject, held: Sequence[str]) -> None:
        self._subject: Final = subject
        self._held: Final = frozenset(held)
        self._heirs: Final = snapshot.graph.heirs
        self._reach: Final = frozenset(role for each in held for role in snapshot.graph.closure(each))

    def of(self, rule: Rule) -> tuple[Path, ...]:
        """The ways by which `rule` came, short ones first, at most `MOST_PATHS`."""
        if rule.origin.role is None:
            return (Path((f"policy {rule.origin.policy}",)),)
        return tuple(Path(way, self._given(way[0])) for way in self._ways(rule.origin.role))

    def _given(self, role: str) -> tuple[Assignment, ...]:
        return tuple(each for each in self._subject.assignments if each.role == role)

    def _ways(self, target: str) -> list[tuple[str, ...]]:
        """Breadth first, from the role that grants up: whoever is in reach leads to a role held."""
        found: list[tuple[str, ...]] = []
        ways: list[tuple[str, ...]] = [(target,)]
        while ways and len(found) < MOST_PATHS:
            found += [way for way in ways if way[0] in self._held]
            ways = [(child, *way) for way in ways for child in self._above(way[0])][:MOST_PATHS]
        return found[:MOST_PATHS]

    def _above(self, role: str) -> Iterator[str]:
        return (heir for heir in self._heirs.get(role, ()) if heir in self._reach)
