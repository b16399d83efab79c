"""A worker's process."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.shares import NOBODY, Counts, Share, clearly_more
from api.supervisor import Supervisor, WorkerFailedError, WorkerProcess
from api.worker_process import SIZE, give, given


@pytest.mark.parametrize("size", [0, 10, 3 * SIZE, 1_000_000])
def test_a_worker_is_told_by_its_lifeline_what_to_serve(size: int) -> None:
    """Also more than the lifeline holds, by default 200 KB here and 8 KB elsewhere: a prompt may be longer."""
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as worker:
        environment = {"PARLEY_PORT": "0", "PARLEY_LONG": "ü\n" * (size // 2)}
        ours.setblocking(False)
        waiting = worker.submit(given, theirs)
        give(ours, listener, environment)
        assert not ours.getblocking()
        found = waiting.result(timeout=30)
        assert found is not None
        with found[0] as received:
            assert received.getsockname() == listener.getsockname()
            assert received.fileno() != listener.fileno()
        assert found[1] == environment


def test_a_worker_that_takes_no_settings_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that another one is started: it would wait for the rest for ever."""
    monkeypatch.setattr("api.worker_process.GIVE_SECONDS", 0.1)
    worker = WorkerProcess()
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            worker.serve(listener, {"PARLEY_ASSISTANT_PROMPT": "ü" * 500_000})
        assert worker.process.wait(30) == -signal.SIGKILL
    finally:
        worker.let_go()
        worker.reap(time.monotonic())


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_workers_that_share_see_what_the_others_hold(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """Whether the system has nameless files in memory or not. Where nobody has begun, nobody is waited for."""
    monkeypatch.setattr("sys.platform", system)
    counts, (ours, theirs) = Counts.of(2), socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        give(ours, listener, {}, Share(counts, 1))
        found = given(theirs)
        assert found is not None
        found[0].close()
        share = found[2]
        assert share is not None
        assert (share.own, share.others()) == (NOBODY, {0: NOBODY})
        counts[0] = 40
        share.tell(7)
        assert (counts[1], share.others()) == (7, {0: 40})
        share.counts.close()
    counts.close()


def test_who_has_ended_is_not_waited_for() -> None:
    """It may have held few; its successor says so when it begins."""
    worker = WorkerProcess()
    worker.process.kill()
    worker.reap(time.monotonic() + 30)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        supervisor = Supervisor(listener, {}, 2)
        supervisor.workers = [worker]
        supervisor.counts[0] = 3
        with pytest.raises(WorkerFailedError):
            supervisor._replace_ended()
    assert supervisor.counts[0] == NOBODY
    supervisor.counts.close()
    worker.let_go()


@pytest.mark.parametrize(
    ("mine", "other", "clear"),
    [
        (0, 0, False),
        (1, 0, False),
        (2, 0, True),
        (0, 2, False),
        (31, 29, True),
        (34, 32, False),
        (35, 32, True),
        (5, NOBODY, False),
    ],
)
def test_more_is_clear_by_a_thirty_second(mine: int, other: int, clear: bool) -> None:
    assert clearly_more(mine, other) is clear


@pytest.mark.parametrize("begun", [b"", b'{"PARLEY_PORT": "0"'])
def test_a_worker_that_is_let_go_before_serves_nothing(begun: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(begun)
        ours.close()
        assert given(theirs) is None
