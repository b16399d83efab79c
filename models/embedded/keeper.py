"""A small program between Parley and its embedded stores, which ends them when Parley ends, however it ends.

It starts the servers, starts one again that dies, and stops them in reverse order when its standard input
closes: on every system that happens also when the process at the other end is killed with -9. It imports the
standard library only, and is run by path (`python -I -S keeper.py`), told by one line of JSON what to run:
`{"servers": [{"argv": …, "env": …, "log": …, "pid_file": …}], "lock": descriptor}`.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

STOP_SECONDS = 10.0
"""A server that has not stopped by then is killed: a running query may keep it from hearing SIGTERM."""
QUICK_SECONDS = 1.0
"""A server that ends sooner than this after its start counts as one that cannot run."""
QUICK_ENDS = 5
"""After so many quick ends in a row, give up."""
PAUSE_SECONDS = 0.05


class Server:
    """One server program, running or not."""

    def __init__(self, spec: dict[str, Any], lock: int) -> None:
        self.spec = spec
        self.lock = lock
        self.quick_ends = 0
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        with open(self.spec["log"], "ab") as log:  # noqa: PTH123 (pathlib would double the time to start)
            # The servers hold the directory's lock too: it is free only once nobody writes there any more.
            self.process = subprocess.Popen(  # noqa: S603 (our own command line)
                self.spec["argv"],
                env={**os.environ, **self.spec["env"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock],
                preexec_fn=die_with_parent,
            )
        with open(self.spec["pid_file"], "w") as file:  # noqa: PTH123
            file.write(str(self.process.pid))

    def revive(self) -> bool:
        """Start it again if it has ended; False when that is of no use."""
        if self.process.poll() is None:
            return True
        quick = time.monotonic() - self.started < QUICK_SECONDS
        self.quick_ends = self.quick_ends + 1 if quick else 0
        if self.quick_ends >= QUICK_ENDS:
            return False
        time.sleep(PAUSE_SECONDS)
        self.start()
        return True

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.spec["pid_file"])  # noqa: PTH108


def die_with_parent() -> None:
    """On Linux: be killed when this keeper is killed. Safe before exec, for the keeper has one thread."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def signal_pipe() -> int:
    """A descriptor that becomes readable with each SIGCHLD or SIGTERM, and yields the signals' numbers."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return reader


def keep(servers: list[Server], signals: int) -> bool:
    """Keep them running until told to stop; False when one cannot run."""
    while all(server.revive() for server in servers):
        ready, _, _ = select.select([sys.stdin.fileno(), signals], [], [])
        if sys.stdin.fileno() in ready:
            return True
        if set(os.read(signals, 64)) - {signal.SIGCHLD}:
            return True
    return False


def main() -> int:
    work = json.loads(sys.stdin.readline())
    signals = signal_pipe()
    servers = [Server(spec, work["lock"]) for spec in work["servers"]]
    try:
        return 0 if keep(servers, signals) else 1
    finally:
        for server in reversed(servers):
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
