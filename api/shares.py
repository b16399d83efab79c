"""How many connections each worker holds, in memory that all of them see."""

import mmap
import os
import sys
from pathlib import Path
from typing import Final, Self

NOBODY: Final = 2**63 - 1
"""Stands where no worker lets anybody in: more than anybody holds."""
SLACK: Final = 32
"""More by one, and by one in so many, is not clearly more. With connections of one request each, that is chance."""


class Counts:
    """A number for each worker: its worker writes it, and the supervisor once that is gone."""

    def __init__(self, descriptor: int) -> None:
        """Of the file that `of` has made. It is ours from now on."""
        self.descriptor: Final = descriptor
        self._memory: Final = mmap.mmap(descriptor, 0)
        self._numbers: Final = memoryview(self._memory).cast("q")

    @classmethod
    def of(cls, workers: int) -> Self:
        """Those of workers that are not there yet."""
        descriptor = _nameless()
        os.write(descriptor, NOBODY.to_bytes(8, sys.byteorder) * workers)
        return cls(descriptor)

    def __getitem__(self, place: int) -> int:
        return self._numbers[place]

    def __setitem__(self, place: int, number: int) -> None:
        self._numbers[place] = number

    def __len__(self) -> int:
        return len(self._numbers)

    def close(self) -> None:
        """It is not read any more here; other processes go on."""
        self._numbers.release()
        self._memory.close()
        os.close(self.descriptor)


class Share:
    """One worker's."""

    def __init__(self, counts: Counts, place: int) -> None:
        self.counts: Final = counts
        self.place: Final = place

    def tell(self, held: int) -> None:
        """So many connections it holds; `NOBODY` where it lets nobody in."""
        self.counts[self.place] = held

    @property
    def own(self) -> int:
        """What it has told."""
        return self.counts[self.place]

    def others(self) -> dict[int, int]:
        """What the others have told, by their places."""
        return {place: self.counts[place] for place in range(len(self.counts)) if place != self.place}


def clearly_more(one: int, other: int) -> bool:
    """Whether one is more than the other by what counts."""
    return one - other > 1 + one // SLACK


def _nameless() -> int:
    """A file in memory where there is such: a full disk ends who writes to a page that has no block yet."""
    if sys.platform == "linux":
        return os.memfd_create("parley-shares")
    import tempfile  # only here: who has no use for it starts sooner

    descriptor, path = tempfile.mkstemp()
    Path(path).unlink()
    return descriptor
