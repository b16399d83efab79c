"""What lies below a message: the branches that leave there or further down, found level by level."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Final, NamedTuple, Self

from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Removal
from models.database import Record
from models.tree.address import MAIN, Address
from models.tree.buckets import BATCH, Buckets
from models.tree.errors import MessageNotFoundError

COUNTED: Final = 1_000
"""Branches of a subtree whose messages are counted while somebody waits: two calls for each 500 of them."""
LEVELS: Final = 64
"""Forks that leave forks, as far as they are followed while somebody waits: two calls for each level at least."""
AT_ONCE: Final = 500


class Run(NamedTuple):
    """A branch's own messages: depths `start <= depth < end`."""

    branch: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Subtree:
    """`root` and all below it. `end` is where its own branch ends; `runs` come before those that leave them.

    The names of all its branches are held in memory, 100 bytes each.
    """

    root: Address
    whole: bool
    """Whether all of its branch is in it, so that no message of that is left."""
    end: int
    runs: Sequence[Run]

    @classmethod
    async def read(
        cls, db: AsyncDatabase[Record], buckets: Buckets, root: Address, most: int | None = None
    ) -> Self | None:
        """Find it; None where more than `most` branches are in it, or so many are too deep to be found soon."""
        tail = await buckets.tail(root.branch)
        if tail is None:
            raise MessageNotFoundError(str(root))
        runs: list[Run] = []
        async for found in _levels(db, buckets, root, most):
            if found is None:
                return None
            runs += found
            if most is not None and len(runs) > most:
                return None
        whole = root.branch != MAIN and root.depth == tail.lineage.own.start
        return cls(root, whole, tail.end, runs)

    @property
    def total(self) -> tuple[int, int]:
        """Messages and branches in it, without those that are purged."""
        messages = max(self.end - self.root.depth, 0) + sum(run.end - run.start for run in self.runs)
        return messages, int(self.whole and self.end > self.root.depth) + sum(run.end > run.start for run in self.runs)

    def inside(self, removed: Iterable[Removal]) -> list[Removal]:
        """Those of the removed subtrees that begin below its root."""
        branches = {run.branch for run in self.runs}
        found = [(each, Address.parse(each.at)) for each in removed]
        return [each for each, at in found if at != self.root and (at.branch in branches or self._below(at))]

    def figures(self, removed: Iterable[Removal]) -> tuple[int, int]:
        """Messages and branches by which the figures are too high, where those in `removed` are taken off already."""
        inside = self.inside(removed)
        messages, branches = self.total
        return messages - sum(each.messages for each in inside), branches - sum(each.branches for each in inside)

    def _below(self, at: Address) -> bool:
        return at.branch == self.root.branch and at.depth > self.root.depth


async def _levels(
    db: AsyncDatabase[Record], buckets: Buckets, root: Address, most: int | None
) -> AsyncIterator[list[Run] | None]:
    """The branches that leave after the root, then those that leave these, …

    Where there are more than `most`, or so many are too deep to be found soon: None, and no more is read than tells so.
    """
    beside = {"parent_branch": root.branch, "fork_depth": {"$gt": root.depth}}
    waiting = await _children(db, buckets, beside, most)
    for level in count():
        if not waiting:
            return
        if most is not None and (level == LEVELS or len(waiting) > most):
            yield None
            return
        below: dict[str, int] = {}
        for names in batches(waiting):
            tails = await buckets.tails(names)
            # A purge that was cut short may have left a branch without its messages.
            yield [Run(name, waiting[name], tails[name].end if name in tails else waiting[name]) for name in names]
            if most is None or len(below) <= most:
                below |= await _children(db, buckets, {"parent_branch": {"$in": names}}, most)
        waiting = below


async def _children(db: AsyncDatabase[Record], buckets: Buckets, query: Record, most: int | None) -> dict[str, int]:
    """Where the branches begin, by name; of more than `most` one more than that."""
    within = {"conversation_id": buckets.conversation_id, **query}
    fields = {"branch": 1, "fork_depth": 1}
    # On the embedded server a limit doesn't shorten what it reads; it does what is sent and held.
    found = db.branches.find(within, fields, batch_size=BATCH, limit=0 if most is None else most + 1)
    return {branch["branch"]: branch["fork_depth"] async for branch in found}


def batches(names: Iterable[str], size: int = AT_ONCE) -> Iterator[list[str]]:
    """`names` in lists of up to `size`."""
    waiting = iter(names)
    while batch := list(islice(waiting, size)):
        yield batch
