"""Programs that keep cores as busy as others did, and ask for nothing: `python -m tests.soak.busy SHARE`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TURN_SECONDS: Final = 0.02
TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pids: Iterable[int]) -> float:
    """That processes have had, together."""
    return sum(map(_had, pids))


def _had(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def busy(shares: Iterable[tuple[float, int]]) -> Iterator[None]:
    """For the length of a block: of each the share of a core, and by how much its priority is lower than ours."""
    programs = [
        subprocess.Popen(["nice", "-n", str(lower), sys.executable, "-m", "tests.soak.busy", f"{share}"])
        for share, lower in shares
    ]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def main() -> None:
    share = min(1.0, float(sys.argv[1]))
    while True:
        until = time.thread_time() + share * TURN_SECONDS
        began = time.monotonic()
        while time.thread_time() < until:
            pass
        time.sleep(max(0.0, TURN_SECONDS - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
