"""Figures of groups: messages, tokens, and percentiles of how long answers took."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

PERCENTILES: Final = (50, 95, 99)

Numbers: TypeAlias = NDArray[np.int64]
_TOKENS: Final = ("read", "written", "used")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group. Latencies in ms, by nearest rank: the least that so many percent of all do not exceed.

    So each is one that occurred; None where none is known. `withheld`: messages whose metadata may not be read.
    """

    messages: int = 0
    withheld: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_used: int = 0
    timed: int = 0
    """Messages of which the latency is known."""
    latencies: tuple[int | None, int | None, int | None] = (None, None, None)


class Sums:
    """Grow group by group and batch by batch. Sums are below 2^63: five million messages of 2^32 tokens are 2^55."""

    def __init__(self) -> None:
        self._sums: dict[str, Numbers] = {name: np.zeros(0, np.int64) for name in ("messages", "withheld", *_TOKENS)}
        self._latencies: list[Numbers] = []

    def add(self, groups: Numbers, rows: NDArray[Any], metadata: NDArray[np.bool_]) -> None:
        """Rows of these groups. Of those without `metadata` only the number counts."""
        self._raise("messages", groups, None)
        if not metadata.all():
            self._raise("withheld", groups[~metadata], None)
            groups, rows = groups[metadata], rows[metadata]
        for name in _TOKENS:
            self._raise(name, groups, rows[name])
        timed = rows["latency"] > 0
        self._latencies.append((groups[timed] << 32) + rows["latency"][timed] - 1)

    def figures(self, length: int) -> list[Figures]:
        """Of so many groups."""
        sums = {name: np.pad(each, (0, length - len(each))).tolist() for name, each in self._sums.items()}
        timed = np.sort(np.concatenate([np.zeros(0, np.int64), *self._latencies]))
        ends = np.searchsorted(timed, np.arange(1, length + 1, dtype=np.int64) << 32).tolist()
        found: list[Figures] = []
        for group, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            p50, p95, p99 = (_nearest(timed, start, end, percent) for percent in PERCENTILES)
            read, written, used = (sums[name][group] for name in _TOKENS)
            messages, withheld = sums["messages"][group], sums["withheld"][group]
            found.append(Figures(messages, withheld, read, written, used, end - start, (p50, p95, p99)))
        return found

    def _raise(self, name: str, groups: Numbers, values: NDArray[Any] | None) -> None:
        if not len(groups):
            return
        known = self._sums[name]
        more = np.zeros(max(int(groups.max()) + 1, len(known)), np.int64)
        more[: len(known)] = known
        if values is None:
            counted = np.bincount(groups)
            more[: len(counted)] += counted
        else:
            np.add.at(more, groups, values.astype(np.int64))
        self._sums[name] = more


def _nearest(ordered: Numbers, start: int, end: int, percent: int) -> int | None:
    """Nearest rank, in whole numbers: ceil(percent * n / 100)."""
    if start == end:
        return None
    rank = -(-percent * (end - start) // 100)
    return int(ordered[start + rank - 1] & 0xFFFFFFFF)
