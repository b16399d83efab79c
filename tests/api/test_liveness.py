"""A worker whose driver is stuck ends, and no other does."""

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import uvicorn
from pymongo.errors import ServerSelectionTimeoutError
from starlette.applications import Starlette

from api import liveness
from api.health import _answers
from api.worker import Worker


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "EVERY_SECONDS", 0)
    monkeypatch.setattr(liveness, "TURN_SECONDS", 0.001)
    monkeypatch.setattr("api.health.PATIENCE_SECONDS", 0.001)


async def _never() -> None:
    await asyncio.Event().wait()


async def test_who_answers_or_fails_in_time_is_not_given_up() -> None:
    called, enough = list[int](), asyncio.Event()

    async def call() -> None:
        called.append(1)
        if len(called) == 20:
            enough.set()
        if len(called) % 2:
            raise ServerSelectionTimeoutError

    def stuck() -> None:
        raise AssertionError("given up")

    watching = asyncio.create_task(liveness.watch(call, stuck))
    await enough.wait()
    watching.cancel()
    await asyncio.wait({watching})
    assert watching.cancelled()


async def test_one_call_that_does_not_end_is_enough() -> None:
    said = list[str]()

    async def call() -> None:
        said.append("called")
        if len(said) == 3:
            await _never()

    await liveness.watch(call, lambda: said.append("stuck"))
    assert said == ["called", "called", "called", "stuck"]


async def test_a_worker_that_is_stuck_ends_though_nobody_let_go_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it wait for what doesn't end, not even as it closes."""
    ended = list[float]()
    monkeypatch.setattr("api.worker.settle", lambda: SimpleNamespace(keep=_never))
    monkeypatch.setattr("api.worker.time.sleep", ended.append)
    monkeypatch.setattr("api.worker.os._exit", ended.append)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.services = SimpleNamespace(database=SimpleNamespace(ping=_never))
        yield

    async def drain(_: float) -> None:
        """Nobody is connected."""

    app = Starlette(lifespan=lifespan)
    app.state.connections = SimpleNamespace(drain=drain)
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        worker = Worker(app, uvicorn.Config(app, lifespan="on", log_config=None), theirs)
        following = asyncio.wrap_future(thread.submit(worker.follow))
        async with asyncio.timeout(30):
            await worker.serve(sockets=[listener])
            await following
        assert ours.recv(1) == b"r"
    assert ended == [12.0, 1]


async def test_readiness_is_told_in_time_though_a_call_does_not_let_itself_be_ended() -> None:
    """As one does not that has to take a lock before it goes."""
    free = asyncio.Event()

    async def deaf() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    async with asyncio.timeout(30):
        assert not await _answers("mongodb", deaf())
    free.set()
