"""Workers that share one socket, as the supervisor starts them, and clients that know who has them."""

import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from api.shares import NOBODY, Counts, Share
from api.worker_process import give
from tests.api.sharing.worker import LOOK_SECONDS, LOOKS
from tests.processes import PATIENCE_SECONDS, kill_9, until

PATIENT: Final = 1_000 * int(PATIENCE_SECONDS)
"""Looks that are never used up, however busy the machine is."""


@dataclass
class Crew:
    """So many of them, in places."""

    listener: socket.socket
    counts: Counts
    looks: int
    look_seconds: float
    said: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    lifelines: list[socket.socket] = field(default_factory=list)
    clients: list[HTTPConnection] = field(default_factory=list)

    def start(self, *places: int) -> None:
        """Workers, in the places of others perhaps; they accept when this returns."""
        for place in places:
            ours, theirs = socket.socketpair()
            with theirs, self.said.open("ab") as said:
                command = [sys.executable, "-m", "tests.api.sharing.worker", str(theirs.fileno())]
                process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=said, stderr=said)
            self.workers[place : place + 1], self.lifelines[place : place + 1] = [process], [ours]
            share = Share(self.counts, place) if len(self.counts) > 1 else None
            give(ours, self.listener, {LOOKS: str(self.looks), LOOK_SECONDS: str(self.look_seconds)}, share)
        for place in places:
            self.lifelines[place].settimeout(PATIENCE_SECONDS)
            assert self.lifelines[place].recv(1) == b"r", self.said.read_text()

    def kill(self, place: int) -> None:
        """As a crash does, and what the supervisor does then."""
        kill_9(self.workers[place].pid)
        self.workers[place].wait()
        self.lifelines[place].close()
        self.counts[place] = NOBODY

    @property
    def told(self) -> list[int]:
        """How many connections each says that it holds."""
        return [self.counts[place] for place in range(len(self.counts))]

    def leave(self) -> None:
        """All clients do, and the workers have noticed."""
        while self.clients:
            self.clients.pop().close()
        until(lambda: not any(self.told))

    def client(self) -> HTTPConnection:
        """Somebody who has connected; a worker may take him later."""
        host, port = self.listener.getsockname()
        client = HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
        client.connect()
        self.clients.append(client)
        return client

    def shares(self, clients: Iterable[HTTPConnection]) -> list[int]:
        """How many of them each worker has."""
        having = Counter(who_has(client) for client in clients)
        return [having[worker.pid] for worker in self.workers]


def who_has(client: HTTPConnection) -> int:
    """The process that answers him."""
    client.request("GET", "/")
    return int(client.getresponse().read())


@contextmanager
def crew(workers: int, said: Path, looks: int = PATIENT, look_seconds: float = 0.001) -> Iterator[Crew]:
    """For the length of a block."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        made = Crew(listener, Counts.of(workers), looks, look_seconds, said)
        try:
            made.start(*range(workers))
            yield made
        finally:
            for client in made.clients:
                client.close()
            for worker, lifeline in zip(made.workers, made.lifelines, strict=True):
                lifeline.close()
                worker.kill()
                worker.wait()
            made.counts.close()
