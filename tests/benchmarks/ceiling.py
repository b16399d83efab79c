"""What a second core adds to a program that shares nothing with its like: more than that no server can have here.

Cores share their caches, the way to memory, and on rented machines perhaps more with neighbours.
`python -m tests.benchmarks.ceiling SECONDS` does such work, and says what a piece of it took of the processor, in ms.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from tests.processes import PATIENCE_SECONDS

TEXT: Final = json.dumps([{"id": f"{number:024}", "content": f"{number} " * 100} for number in range(500)])
"""Some 200 KB that are read, sorted and written: more than a core has for itself in its first caches."""


@dataclass(frozen=True)
class Ceiling:
    """Milliseconds of the processor that a piece of work took: alone, and on average where two are done at once."""

    alone: float
    beside: float

    @property
    def capacity(self) -> float:
        """Of two, in those of one."""
        return 2 * self.alone / self.beside


def measured(seconds: float) -> Ceiling:
    """One by itself, then two."""
    (alone,), both = _done(1, seconds), _done(2, seconds)
    return Ceiling(alone, sum(both) / len(both))


def _done(programs: int, seconds: float) -> list[float]:
    command = [sys.executable, "-m", "tests.benchmarks.ceiling", str(seconds)]
    begun = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(programs)]
    return [float(each.communicate(timeout=seconds + PATIENCE_SECONDS)[0]) for each in begun]


def main() -> None:
    """Work."""
    until, pieces, began = time.monotonic() + float(sys.argv[1]), 0, time.process_time()
    while time.monotonic() < until:
        json.dumps(sorted(json.loads(TEXT), key=lambda each: str(each["content"])))
        pieces += 1
    sys.stdout.write(f"{1000 * (time.process_time() - began) / pieces}\n")


if __name__ == "__main__":
    main()
