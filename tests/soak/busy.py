"""Programs that keep cores as busy as others did, and ask for nothing: `python -m tests.soak.busy SHARE`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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
def busy(shares: Iterable[tuple[float, bool]]) -> Iterator[None]:
    """For the length of a block: of each the share of a core, and whether in a session of its own: not `lowered`."""
    programs = [
        subprocess.Popen([sys.executable, "-m", "tests.soak.busy", f"{share}"], start_new_session=apart)
        for share, apart in shares
    ]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


@contextmanager
def lowered(by: int) -> Iterator[None]:
    """From now on this process has a lower priority, and within the block its session, too.

    Linux may share the processors among sessions before it looks at priorities: then that of a process says nothing to
    those of other sessions, as workers and stores are. That of the session is put back, for whoever started this in it.
    """
    os.nice(by)
    session = Path("/proc/self/autogroup")
    with suppress(OSError):
        session.write_text(str(by))
    try:
        yield
    finally:
        with suppress(OSError):
            session.write_text("0")


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
