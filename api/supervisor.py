"""Keeps the server processes running around one listening socket, and stops them together."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from api.shares import NOBODY, Counts, Share
from api.worker_process import give

TICK_SECONDS: Final = 0.5
"""How often the stores are looked at. Ends of processes and signals are noticed at once."""
STOP_SECONDS: Final = 15.0
"""How long the workers have to stop; then they are killed. Above a worker's own limit."""
AGAIN_SECONDS: Final = 1.0
"""Pause before a worker that could not start is started again."""


def stopping() -> list[int]:
    """The signals that mean to stop; not the end of a terminal where `nohup` says to outlive it."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


class WorkerFailedError(Exception):
    """No worker has ever been able to start; it has said why on standard error."""

    def __init__(self) -> None:
        super().__init__("the server could not start; the reason stands above")


class Signals:
    """Signals as something to `select` on: a handler could come at any bad moment."""

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.wakeup = signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        self.stopping = stopping()
        numbers = (*self.stopping, signal.SIGCHLD)
        self.handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self.wakeup)
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        os.close(self.reader)
        os.close(self.writer)

    def fileno(self) -> int:
        return self.reader

    def stop_asked(self) -> bool:
        """Whether one came that means to stop."""
        return any(number in self.stopping for number in os.read(self.reader, 1024))


class WorkerProcess:
    """A worker, and our end of its lifeline: it stops when that closes, which death closes too.

    It imports what it needs; then it waits to be told what to `serve`.
    """

    def __init__(self) -> None:
        self.lifeline, theirs = socket.socketpair()
        self.ready = False
        # -P: nothing is imported from the working directory. A process group of its own: Ctrl-C is for us. No session:
        # where Linux shares the processors by sessions, what one does at low priority would be equal to other workers.
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 (our own command line)
                [sys.executable, "-P", "-m", "api.worker_process", str(theirs.fileno())],
                env={},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        self.lifeline.setblocking(False)
        self.started = time.monotonic()

    def serve(self, listener: socket.socket, environment: Mapping[str, str], share: Share | None = None) -> None:
        """Accept from `listener`, by the settings in `environment`, this `share` where others do, too."""
        try:
            give(self.lifeline, listener, environment, share)
        except TimeoutError:
            self.process.kill()
        except ConnectionError:  # it is dead already, and replaced like any other
            pass

    def fileno(self) -> int:
        return self.lifeline.fileno()

    def listen(self) -> None:
        """Take in that it is ready."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.ready = bool(self.lifeline.recv(1)) or self.ready

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def worth_another(self) -> bool:
        """Whether to start one again in its place now: at once after it served, else with a pause."""
        return self.ready or time.monotonic() - self.started > AGAIN_SECONDS

    def let_go(self) -> None:
        """Ask it to stop."""
        self.lifeline.close()

    def reap(self, deadline: float) -> None:
        """Wait for its end, and end it at `deadline`."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def early() -> Iterator[list[WorkerProcess]]:
    """A worker that has begun, for whoever takes it out of the list; nobody does, and it is gone after the block."""
    begun = [WorkerProcess()]
    try:
        yield begun
    finally:
        for worker in begun:
            worker.let_go()
            worker.reap(time.monotonic())


class Supervisor:
    """So many workers; one that ends gets a successor. The first are those that have `begun`."""

    def __init__(
        self,
        listener: socket.socket,
        environment: Mapping[str, str],
        count: int,
        begun: list[WorkerProcess] | None = None,
    ) -> None:
        self.begun = [] if begun is None else begun
        self.listener = listener
        self.environment = environment
        self.count = count
        self.counts = Counts.of(count)
        self.workers: list[WorkerProcess] = []
        self.served = False

    def run(self, ready: Callable[[], None], healthy: Callable[[], None]) -> None:
        """Serve until a signal says to stop.

        Calls `ready` once, when all workers are. `healthy` is asked twice a second; what it raises ends the server.
        """
        with Signals() as signals, self._workers():
            announced = False
            while not self._signalled(signals):
                self._replace_ended()
                healthy()
                if not announced and all(worker.ready for worker in self.workers):
                    announced = True
                    ready()

    @contextlib.contextmanager
    def _workers(self) -> Iterator[None]:
        try:
            self.workers = [self._start(place) for place in range(self.count)]
            yield
        finally:
            self._stop()
            self.counts.close()

    def _start(self, place: int) -> WorkerProcess:
        worker = self.begun.pop() if self.begun else WorkerProcess()
        worker.serve(self.listener, self.environment, Share(self.counts, place) if self.count > 1 else None)
        return worker

    def _signalled(self, signals: Signals) -> bool:
        """Wait for news, and say whether it is that we shall stop."""
        starting = [worker for worker in self.workers if not (worker.ready or worker.ended)]
        watched: list[Signals | WorkerProcess] = [signals, *starting]
        news, _, _ = select.select(watched, [], [], TICK_SECONDS)
        for worker in starting:
            if worker in news:
                worker.listen()
                self.served = self.served or worker.ready
        return signals in news and signals.stop_asked()

    def _replace_ended(self) -> None:
        for place, worker in enumerate(self.workers):
            if not worker.ended:
                continue
            self.counts[place] = NOBODY
            if not self.served:
                raise WorkerFailedError
            if worker.worth_another:
                worker.let_go()
                self.workers[place] = self._start(place)

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self.workers:
            worker.let_go()
        for worker in self.workers:
            worker.reap(deadline)
