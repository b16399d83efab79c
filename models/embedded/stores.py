"""Starts, checks and stops the embedded stores, and finds those that another process runs."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from models.embedded import keeper, lock, servers
from models.embedded.errors import DataDirectoryInUseError, StoreFailedError
from models.embedded.files import keep_one_old, last_line, write_private

START_SECONDS: Final = 30.0
"""Longest a start may take: after a crash MongoDB first reads its log (0.5 s, at most 2.3 s measured)."""
POLL_SECONDS: Final = 0.01
STATE = "stores.json"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the stores listen, and the process that owns them."""

    mongodb_uri: str
    redis_url: str
    pid: int


class EmbeddedStores:
    """The stores of one data directory, as children of this process.

    ``with EmbeddedStores(directory) as stores`` (or ``async with``) has both answering inside the block and
    gone after it; they are gone too when this process is killed. Raises `EmbeddedError`.
    """

    def __init__(self, directory: Path, meanwhile: Callable[[], object] | None = None) -> None:
        """`meanwhile` is called once, while they start."""
        self.directory = directory
        self._meanwhile = meanwhile
        self._servers: list[servers.Server] = []
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock: lock.Lock | None = None

    @property
    def mongodb_uri(self) -> str:
        return f"mongodb://{servers.LOOPBACK}:{self._servers[0].port}/?directConnection=true&retryWrites=true"

    @property
    def redis_url(self) -> str:
        return f"redis://{servers.LOOPBACK}:{self._servers[1].port}/0"

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.mongodb_uri, self.redis_url, os.getpid())

    def start(self) -> Self:
        """Start both, wait until they answer, and say so to other commands. About 0.3 s."""
        self.directory = lock.prepare(self.directory)
        self._lock = lock.acquire(self.directory)
        try:
            self._launch(self._lock.stores)
            if self._meanwhile is not None:
                self._meanwhile()
            self._wait()
        except BaseException:
            self.stop()
            raise
        write_private(self.directory / STATE, json.dumps(asdict(self.endpoints)))
        return self

    def stop(self) -> None:
        """Stop both, in order; those that do not stop by themselves within 10 s are killed."""
        (self.directory / STATE).unlink(missing_ok=True)
        if self._keeper and self._keeper.stdin:
            self._keeper.stdin.close()
            _end(self._keeper)
        self._keeper = None
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def check(self) -> None:
        """Raise `StoreFailedError` if a store has stopped for good. Cheap: no network."""
        if self._keeper is None or self._keeper.poll() is not None:
            raise self._failure()

    def pids(self) -> dict[str, int]:
        """Process numbers by the stores' names; a store that was started again has a new one."""
        return {server.name: int(server.pid_file.read_text()) for server in self._servers}

    @property
    def keeper_pid(self) -> int:
        """Process number of the keeper, whose children the stores are; 0 when stopped."""
        return self._keeper.pid if self._keeper else 0

    def _launch(self, stores_lock: int) -> None:
        mongodb_port, redis_port = free_ports(2)
        self._servers = [
            servers.mongodb(self.directory, mongodb_port),
            servers.redis(self.directory, redis_port),
        ]
        for server in self._servers:
            keep_one_old(server.log)
        work = {"lock": stores_lock, "servers": [_spec(server) for server in self._servers]}
        # -I -S: nothing of the surroundings is imported. A session of its own: Ctrl-C is for us, who stop the
        # stores last.
        with (self.directory / "keeper.log").open("wb") as log:
            self._keeper = subprocess.Popen(  # noqa: S603 (our own command line)
                [sys.executable, "-I", "-S", str(Path(keeper.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[stores_lock],
                start_new_session=True,
            )
        self._tell(json.dumps(work))

    def _tell(self, line: str) -> None:
        if self._keeper and self._keeper.stdin:
            self._keeper.stdin.write(line.encode() + b"\n")
            self._keeper.stdin.flush()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        for server in self._servers:
            self._wait_for_port(server, deadline)
        from models.embedded.greeting import SilentError, greet  # drivers, while the servers start

        try:
            greet(self.mongodb_uri, self.redis_url)
        except SilentError as error:
            raise self._failure() from error

    def _wait_for_port(self, server: servers.Server, deadline: float) -> None:
        while not listening(server.port):
            if time.monotonic() > deadline:
                raise StoreFailedError(server.name, server.log, last_line(server.log))
            self.check()
            time.sleep(POLL_SECONDS)

    def _failure(self) -> StoreFailedError:
        """The error of the store that does not listen: the first, if none is to blame."""
        silent = [server for server in self._servers if not listening(server.port)]
        server = (silent or self._servers)[0]
        return StoreFailedError(server.name, server.log, last_line(server.log))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def running(directory: Path, wait_seconds: float = 10.0) -> Endpoints | None:
    """The stores that another process runs in `directory`; None if nobody does.

    Waits for one that is just starting.
    """
    deadline = time.monotonic() + wait_seconds
    while lock.owned(directory):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found = Endpoints(**json.loads((directory / STATE).read_text()))
            if found.pid == lock.owner_pid(directory):
                return found
        if time.monotonic() > deadline:
            raise DataDirectoryInUseError(directory, lock.owner_pid(directory))
        time.sleep(POLL_SECONDS)
    return None


@contextlib.contextmanager
def attach_or_start(directory: Path) -> Iterator[Endpoints]:
    """The stores of a running `parley serve` in `directory`, or stores of our own while the block lasts."""
    found = running(directory)
    if found:
        yield found
        return
    with EmbeddedStores(directory) as stores:
        yield stores.endpoints


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens to now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((servers.LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def listening(port: int) -> bool:
    """Whether somebody accepts connections at a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((servers.LOOPBACK, port)) == 0


def _spec(server: servers.Server) -> dict[str, Any]:
    return {
        "argv": server.argv,
        "env": server.env,
        "log": str(server.log),
        "pid_file": str(server.pid_file),
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the keeper; it needs a little longer than the stores do."""
    try:
        process.wait(2 * keeper.STOP_SECONDS + 5)
    except subprocess.TimeoutExpired:
        process.kill()  # its stores are killed with it
        process.wait()
