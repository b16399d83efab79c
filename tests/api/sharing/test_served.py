"""`parley serve` with two workers: both have equal shares, and again when one was replaced."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.api.commands import SECRET, Parley, Server
from tests.processes import kill_9, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="who holds what is read from Linux's /proc")
MANY = 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    variables = {"DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": SECRET, "HEAD_SECONDS": "600"}
    with Parley(tmp_path, variables).serve("--workers", "2") as server:
        yield server


def held(server: Server) -> dict[int, int]:
    """How many connections each worker has."""
    port, established = f":{int(server.port):04X}", "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == established}
    return {pid: _having(pid, ours) for pid in server.started("api.worker")}


def _having(pid: int, sought: set[str]) -> int:
    open_ones = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True, check=False).stdout
    return len(sought & set(open_ones.split()))


def test_a_worker_that_was_replaced_gets_most_of_the_newcomers(server: Server) -> None:
    """All, but for one each time that it doesn't come to look within the moment: this machine may be busy."""
    with ExitStack() as stack:

        def connect(times: int) -> dict[int, int]:
            so_many = sum(held(server).values()) + times
            for _ in range(times):
                stack.enter_context(socket.create_connection(("127.0.0.1", int(server.port))))
            until(lambda: sum(held(server).values()) == so_many)
            return held(server)

        first, second = connect(MANY)
        kill_9(first)
        (successor,) = until(lambda: set(server.started("api.worker")) - {first, second})
        until(lambda: connect(1)[successor])
        before = held(server)
        until_even = (before[second] - before[successor]) // 2
        assert until_even >= MANY // 5
        assert connect(until_even)[successor] - before[successor] > 0.7 * until_even
