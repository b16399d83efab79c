"""Servers to measure: each one process that is started as the supervisor starts a worker."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.cli.listening import listen
from tests.benchmarks.load import HOST

READY_SECONDS: Final = 30.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """One that serves."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, all threads; in steps of 10 ms."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS


@contextmanager
def serving(module: str, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """`python -m MODULE` with a listener and a lifeline, stopped at the end. What it prints goes to `log`."""
    ours, theirs = socket.socketpair()
    with ours, theirs, listen(HOST, 0) as listener, log.open("wb") as output:
        descriptors = [listener.fileno(), theirs.fileno()]
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, descriptors)],
            env=dict(environment),
            pass_fds=descriptors,
            stdout=output,
            stderr=output,
        )
        theirs.close()
        try:
            ours.settimeout(READY_SECONDS)
            assert ours.recv(1), f"{module} did not start: {log.read_text()[-2000:]}"
            yield Server(listener.getsockname()[1], process.pid)
        finally:
            ours.close()
            process.wait(READY_SECONDS)
