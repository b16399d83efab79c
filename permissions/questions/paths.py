"""By which way a rule came to somebody: assignment, role, inherited role, grant; or policy."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from permissions.engine.facts import Assignment, Subject
from permissions.engine.roles import RoleGraph
from permissions.engine.rules import Rule
from permissions.engine.snapshot import Snapshot

MOST_PATHS: Final = 20
"""Ways shown for one rule: a graph of diamonds has more than anybody reads."""


class Path(NamedTuple):
    """`steps` are role names from the one that was assigned down to the one that grants; or a policy's name alone."""

    steps: tuple[str, ...]
    assignments: tuple[Assignment, ...] = ()


def paths_of(snapshot: Snapshot, subject: Subject, held: Sequence[str], rule: Rule) -> tuple[Path, ...]:
    """The ways by which `rule` came to who holds the roles `held`, short ones first, at most `MOST_PATHS`."""
    if rule.origin.role is None:
        return (Path((f"policy {rule.origin.policy}",)),)
    found = _ways(snapshot.graph, held, rule.origin.role)
    return tuple(Path(way, _given(subject, way[0])) for way in found)


def _given(subject: Subject, role: str) -> tuple[Assignment, ...]:
    return tuple(each for each in subject.assignments if each.role == role)


def _ways(graph: RoleGraph, held: Iterable[str], target: str) -> list[tuple[str, ...]]:
    """Breadth first, over those roles only from which `target` can be reached: no step is in vain."""
    useful = _leading_to(graph, held, target)
    found: list[tuple[str, ...]] = []
    ways: list[tuple[str, ...]] = [(role,) for role in held if role in useful]
    while ways and len(found) < MOST_PATHS:
        found += [way for way in ways if way[-1] == target]
        ways = [longer for way in ways if way[-1] != target for longer in _longer(graph, way, useful)]
        ways = ways[: MOST_PATHS * 2]
    return found[:MOST_PATHS]


def _longer(graph: RoleGraph, way: tuple[str, ...], useful: set[str]) -> Iterator[tuple[str, ...]]:
    return ((*way, parent) for parent in graph.parents(way[-1]) if parent in useful)


def _leading_to(graph: RoleGraph, held: Iterable[str], target: str) -> set[str]:
    children: dict[str, list[str]] = defaultdict(list)
    for role in {role for each in held for role in graph.closure(each)}:
        for parent in graph.parents(role):
            children[parent].append(role)
    useful, queue = {target}, [target]
    for role in queue:
        fresh = [child for child in children[role] if child not in useful]
        useful.update(fresh)
        queue += fresh
    return useful
