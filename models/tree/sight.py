"""Sight: what somebody sees of a conversation of which only branches are shared with him.

It is a tree of its own: the messages on the paths of these branches, and nothing beside. What lies on no such path does
not exist for him: neither as a sibling, nor in a count, nor as the place where a branch goes on. Whoever sees a message
sees all above it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from models.tree.address import MAIN, Address
from models.tree.lineage import ENDLESS, Run


@dataclass(frozen=True, slots=True)
class Figures:
    """What a list shows of a conversation. `updated_at`: when the newest message at the end of a branch was written."""

    message_count: int
    branch_count: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class End:
    """Where a branch ended when it was looked at, and when its last message was written."""

    depth: int
    written_at: datetime | None = None


class Sight:
    """Made once a request and conversation. Nothing in it tells of anything else in the conversation."""

    def __init__(self, runs: Iterable[Run], ends: Mapping[str, End]) -> None:
        """`runs` of all paths; `ends` of the branches that are shared, which have messages."""
        self._runs: dict[str, Run] = {}
        self._ends = ends
        for run in runs:
            known = self._runs.get(run.branch)
            if known is None or known.stop < run.stop:
                self._runs[run.branch] = run
        self._children: dict[Address | None, list[tuple[int, Address]]] = defaultdict(list)
        for run in self._runs.values():
            ordinal = 0 if run.branch == MAIN else max(run.ordinal, 1)
            self._children[run.parent].append((ordinal, Address(run.branch, run.start)))

    @property
    def branches(self) -> frozenset[str]:
        """Those that hold something of it."""
        return frozenset(self._runs)

    @property
    def shared(self) -> list[str]:
        """The branches of which it holds everything, also what will be written there, in a fixed order."""
        return sorted(name for name, run in self._runs.items() if run.stop == ENDLESS)

    def sees(self, address: Address) -> bool:
        """Whether it holds that place, be there a message or not."""
        run = self._runs.get(address.branch)
        return run is not None and run.start <= address.depth < run.stop

    def stop(self, branch: str) -> int:
        """The depth at which it ends on `branch`; 0 for a branch that it doesn't hold."""
        run = self._runs.get(branch)
        return run.stop if run else 0

    def runs(self) -> list[Run]:
        """What it holds of each branch."""
        return list(self._runs.values())

    def children(self, parent: Address | None) -> list[tuple[int, Address]]:
        """Places after `parent`, with their ordinals, in order; the first may be one at which nothing is yet."""
        found = list(self._children.get(parent, ()))
        if parent and self.sees(parent.next):
            found.append((0, parent.next))
        return sorted(found)

    def is_end(self, address: Address) -> bool:
        """Whether it was the last message of its branch when that was looked at."""
        end = self._ends.get(address.branch)
        return end is not None and address.depth + 1 == end.depth

    def figures(self, started_at: datetime, removed: Iterable[Address]) -> Figures:
        """What is there, without removed subtrees; `started_at` is the conversation's."""
        cuts: dict[str, int] = {}
        for each in removed:
            cuts[each.branch] = min(each.depth, cuts.get(each.branch, ENDLESS))
        stops: dict[str, int] = {}
        for run in sorted(self._runs.values(), key=lambda run: run.start):
            whole = min(run.stop, self._ends[run.branch].depth) if run.branch in self._ends else run.stop
            held = run.parent is None or run.parent.depth < stops.get(run.parent.branch, 0)
            end = min(whole, cuts.get(run.branch, ENDLESS)) if held and whole != ENDLESS else 0
            stops[run.branch] = max(end, run.start)
        counts = {name: stop - self._runs[name].start for name, stop in stops.items()}
        written = [end.written_at for name, end in self._ends.items() if counts.get(name) and end.depth == stops[name]]
        return Figures(
            message_count=sum(counts.values()),
            branch_count=sum(1 for name, count in counts.items() if count or name == MAIN),
            updated_at=max([started_at, *filter(None, written)]),
        )
