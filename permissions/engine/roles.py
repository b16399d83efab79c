"""The graph of roles: who inherits from whom, without cycles."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from permissions.engine.errors import RoleCycleError, UnknownRoleError


class RoleGraph:
    """Parents by role. A role has all that its parents have; refused if it inherits from itself, or from nothing."""

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self._parents: Final = {role: tuple(inherited) for role, inherited in parents.items()}
        self._closures: Final[dict[str, tuple[str, ...]]] = {}
        self._refuse_unknown()
        self._refuse_cycles()

    def closure(self, role: str) -> tuple[str, ...]:
        """The role and all that it inherits, each once, near ones first; nothing for a role that isn't there."""
        known = self._closures.get(role)
        if known is None:
            known = self._closures[role] = tuple(self._reach(role))
        return known

    def parents(self, role: str) -> tuple[str, ...]:
        """The roles that it inherits from directly."""
        return self._parents.get(role, ())

    @cached_property
    def heirs(self) -> Mapping[str, tuple[str, ...]]:
        """Who inherits directly, by role; without those from whom nobody does."""
        heirs: dict[str, list[str]] = defaultdict(list)
        for role, parents in self._parents.items():
            for parent in parents:
                heirs[parent].append(role)
        return {parent: tuple(roles) for parent, roles in heirs.items()}

    def _reach(self, role: str) -> list[str]:
        reached = {role: None} if role in self._parents else {}
        queue = list(reached)
        for each in queue:
            fresh = [parent for parent in self._parents[each] if parent not in reached]
            reached.update(dict.fromkeys(fresh))
            queue += dict.fromkeys(fresh)
        return list(reached)

    def _refuse_unknown(self) -> None:
        for role, parents in self._parents.items():
            for parent in parents:
                if parent not in self._parents:
                    raise UnknownRoleError(role, parent)

    def _refuse_cycles(self) -> None:
        """Depth first, without recursion: the chain of roles may be long."""
        done: set[str] = set()
        for start in self._parents:
            trail: dict[str, Iterator[str]] = {} if start in done else {start: iter(self._parents[start])}
            while trail:
                role = next(reversed(trail))
                parent = next(trail[role], None)
                if parent is None:
                    done.add(role)
                    del trail[role]
                elif parent in trail:
                    way = list(trail)
                    raise RoleCycleError([*way[way.index(parent) :], parent])
                elif parent not in done:
                    trail[parent] = iter(self._parents[parent])
