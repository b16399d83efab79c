"""A worker's process."""

import gc
import socket

import pytest

from api.worker import settle
from api.worker_process import SIZE, give, given


def test_a_full_collection_looks_at_nothing_that_was_loaded_before_the_worker_was_ready() -> None:
    kept = [{"loaded": True}]
    frozen = gc.get_freeze_count()
    gc.disable()  # as it is while a worker imports
    try:
        settle()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
        assert not any(each is kept for each in gc.get_objects())
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize("size", [0, 10, 3 * SIZE])
def test_a_worker_is_told_by_its_lifeline_what_to_serve(size: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {"PARLEY_PORT": "0", "PARLEY_LONG": "ü\n" * (size // 2)}
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SIZE * 6)
        give(ours, listener, environment)
        found = given(theirs)
        assert found is not None
        with found[0] as received:
            assert received.getsockname() == listener.getsockname()
            assert received.fileno() != listener.fileno()
        assert found[1] == environment


@pytest.mark.parametrize("begun", [b"", b'{"PARLEY_PORT": "0"'])
def test_a_worker_that_is_let_go_before_serves_nothing(begun: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(begun)
        ours.close()
        assert given(theirs) is None
