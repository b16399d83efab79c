"""A demo, served in processes as people serve it, for what presses on it: fuzzing, attacks, the soak."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from api.demo_world import DOMAIN, PASSWORD
from tests.api.clients import Person
from tests.api.commands import Parley, Server

UNBOUNDED: Final = {
    "RATE_BUDGETS": "1000000",
    "RATE_BUDGETS_ADDRESS": "1000000",
    "LOGIN_FAILURES_ADDRESS": "1000000",
    "LOGIN_FAILURES_ACCOUNT": "100000",
    "LOGIN_FAILURES": "100000",
}
"""Settings with which nobody is told to come back later: what he asks is looked at."""


@dataclass(frozen=True)
class Demo:
    """One that runs."""

    parley: Parley
    server: Server
    known: dict[str, Person] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.server.url.removeprefix("http://").rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.server.port)

    @property
    def secret(self) -> str:
        """The key that protects its signing keys."""
        return (self.parley.directory / "data" / "secret_key").read_text().strip()

    def person(self, name: str, *, anew: bool = False) -> Person:
        """One of the demo's people, or who was added; signed in once, or again."""
        if anew or name not in self.known:
            self.known[name] = Person.login(self.server.url, f"{name}@{DOMAIN}")
        return self.known[name]

    def add(self, name: str, role: str, **attributes: str) -> Person:
        """Somebody more."""
        given = [part for key, value in attributes.items() for part in ("--attribute", f"{key}={value}")]
        options = ["--email", f"{name}@{DOMAIN}", "--name", name, "--role", role, *given]
        made = self.parley("user", "create", *options, typed=PASSWORD + "\n")
        assert made.status == 0, made.err
        return self.person(name)

    def workers(self) -> list[int]:
        """The processes that serve, oldest first."""
        return sorted(self.server.started("api.worker"))

    def memory(self) -> int:
        """Bytes of memory that they have, together."""
        return sum(resident(pid) for pid in self.workers())


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def interruptible() -> None:
    """Have SIGTERM unwind this program as Ctrl-C does: by default it would leave the server running."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def demo(workers: int = 1, **variables: str) -> Iterator[Demo]:
    """Served for the length of a block, in a folder of its own that goes with it."""
    with TemporaryDirectory(prefix="parley-") as folder:
        given = {"DATA_DIR": str(Path(folder) / "data"), "ACCESS_TOKEN_SECONDS": "3600", **variables}
        parley = Parley(Path(folder), given)
        with parley.serve("--demo", "--workers", str(workers)) as server:
            yield Demo(parley, server)
