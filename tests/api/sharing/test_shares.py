"""Workers that listen to one socket hold equal numbers of connections, and wait for none that is stuck."""

import itertools
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.shares import NOBODY, SLACK
from tests.api.sharing.crew import Crew, crew, who_has
from tests.processes import PATIENCE_SECONDS, until

MANY = 64


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Two that several tests look at; none of them ends one."""
    with crew(2, tmp_path_factory.mktemp("sharing") / "said") as made:
        yield made


@pytest.fixture
def pair(workers: Crew) -> Iterator[Crew]:
    """The same, and nobody is connected."""
    yield workers
    workers.leave()
    assert "Traceback" not in workers.said.read_text()


def test_who_come_one_after_the_other_are_shared_out_evenly(pair: Crew) -> None:
    shares = pair.shares(pair.client() for _ in range(MANY))
    assert sum(shares) == MANY
    assert max(shares) - min(shares) <= 2 + max(shares) // SLACK


def test_three_workers_share_evenly_too(tmp_path: Path) -> None:
    with crew(3, tmp_path / "said") as three:
        shares = three.shares(three.client() for _ in range(31))
        assert sum(shares) == 31
        assert max(shares) - min(shares) <= 2


def test_who_come_all_at_once_are_too(pair: Crew) -> None:
    shares = pair.shares([pair.client() for _ in range(MANY)])
    assert sum(shares) == MANY
    assert max(shares) - min(shares) <= 3 + max(shares) // SLACK  # two may take one at the same moment
    assert pair.told == shares


def test_a_successor_gets_the_newcomers_until_it_has_as_many(tmp_path: Path) -> None:
    with crew(2, tmp_path / "said") as sharing:
        _, second = sharing.shares(sharing.client() for _ in range(20))
        assert 9 <= second <= 11
        sharing.kill(0)
        assert sharing.shares(sharing.client() for _ in range(10)) == [0, 10]
        sharing.start(0)
        assert sharing.shares(sharing.client() for _ in range(17)) == [17, 0]
        first, second = sharing.shares(sharing.client() for _ in range(20))
        assert abs(17 + first - sharing.told[1]) <= 2
        assert second > 5


def test_who_leaves_makes_room(pair: Crew) -> None:
    clients, first = [pair.client() for _ in range(20)], pair.workers[0].pid
    for client in [each for each in clients if who_has(each) == first]:
        client.close()
    until(lambda: pair.told[0] == 0)
    assert pair.shares(pair.client() for _ in range(7)) == [7, 0]


def test_who_stands_back_looks_as_soon_as_one_of_his_own_has_left(tmp_path: Path) -> None:
    """Else who opens a connection for each request would be served in the rhythm of looks: here, never."""
    with crew(2, tmp_path / "said", look_seconds=10 * PATIENCE_SECONDS) as sharing:
        os.kill(sharing.workers[0].pid, signal.SIGSTOP)
        try:
            held = [sharing.client() for _ in range(2)]
            assert sharing.shares(held) == [0, 2]
            waiting = sharing.client()
            held[0].close()
            assert who_has(waiting) == sharing.workers[1].pid
        finally:
            os.kill(sharing.workers[0].pid, signal.SIGCONT)


def test_a_worker_that_is_stopped_keeps_nobody_waiting_for_long_and_few_at_all(tmp_path: Path) -> None:
    """Half a second is the moment here. Of a hundred, seven wait for so long: the 3rd, 5th, 8th, 13th and so on."""
    with crew(2, tmp_path / "said", looks=500) as sharing:
        os.kill(sharing.workers[0].pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert sharing.shares(sharing.client() for _ in range(100)) == [0, 100]
            assert 3 < time.monotonic() - began < 40
        finally:
            os.kill(sharing.workers[0].pid, signal.SIGCONT)
        until(lambda: who_has(sharing.client()) == sharing.workers[0].pid)
        held = sharing.counts[0]
        assert sharing.shares(sharing.client() for _ in range(10)) == [10, 0], "it is waited for again"
        assert sharing.counts[0] == held + 10


@contextmanager
def no_descriptor_left(pid: int) -> Iterator[None]:
    """For the length of a block."""
    taken = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    least = next(number for number in itertools.count() if number not in taken)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (least, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else another process may be limited")
def test_where_no_descriptor_is_left_the_other_worker_takes_them(pair: Crew) -> None:
    first, second = pair.shares(pair.client() for _ in range(4))
    with no_descriptor_left(pair.workers[0].pid):
        assert pair.shares(pair.client() for _ in range(20)) == [0, 20]
    until(lambda: pair.told == [first, second + 20])
    assert pair.shares(pair.client() for _ in range(15)) == [15, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else another process may be limited")
def test_where_no_worker_has_one_left_newcomers_wait_and_nothing_spins(pair: Crew) -> None:
    """It is tried once a second, and each time said."""

    def tried() -> int:
        return pair.said.read_text().count("Too many open files")

    first, second = pair.workers
    before, began = tried(), time.monotonic()
    with no_descriptor_left(first.pid), no_descriptor_left(second.pid):
        clients = [pair.client() for _ in range(10)]
        until(lambda: tried() - before >= 4)
        assert tried() - before <= 2 * (1 + time.monotonic() - began)
    assert sum(pair.shares(clients)) == 10


def test_who_hangs_up_before_he_is_taken_is_let_in_and_gone(pair: Crew) -> None:
    pids = [worker.pid for worker in pair.workers]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for client in [pair.client() for _ in range(10)]:
        assert client.sock
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        client.close()
    stays = pair.client()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert who_has(stays) in pids
    until(lambda: sorted(pair.told) == [0, 1])


def test_who_stops_lets_nobody_in_and_the_others_go_on(tmp_path: Path) -> None:
    with crew(2, tmp_path / "said") as sharing:
        assert min(sharing.shares(sharing.client() for _ in range(10))) >= 4
        sharing.lifelines[0].close()
        assert sharing.workers[0].wait(PATIENCE_SECONDS) == 0
        assert sharing.counts[0] == NOBODY
        assert sharing.shares(sharing.client() for _ in range(10)) == [0, 10]
        assert "Traceback" not in sharing.said.read_text()


def test_a_worker_by_itself_shares_with_nobody(tmp_path: Path) -> None:
    with crew(1, tmp_path / "said") as alone:
        assert alone.shares(alone.client() for _ in range(10)) == [10]
        assert alone.counts[0] == NOBODY
