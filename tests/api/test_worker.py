"""A worker's process."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.supervisor import WorkerProcess
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


@pytest.mark.parametrize("begun", [b"", b'{"PARLEY_PORT": "0"'])
def test_a_worker_that_is_let_go_before_serves_nothing(begun: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(begun)
        ours.close()
        assert given(theirs) is None
