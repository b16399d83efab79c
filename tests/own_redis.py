"""A Redis of a test's own, to be killed, frozen, slowed down and robbed of its data."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from models.embedded import servers
from models.embedded.stores import free_ports, listening
from tests.processes import until


class OwnRedis:
    """`with OwnRedis() as redis`: it runs, and is gone afterwards."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="parley-redis-"))
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, always the same."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """With the data that it has."""
        server = servers.redis(self._directory, self.port)
        self._process = subprocess.Popen(server.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: listening(self.port))

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Start again, and empty."""
        self.kill()
        shutil.rmtree(self._directory / "redis", ignore_errors=True)
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block it takes connections, and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
