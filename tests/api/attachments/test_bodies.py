"""Clients that are slow, and clients that go."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from api.attachments import bodies
from api.attachments.bodies import BodyCutError, BodyTooLongError, BodyTooSlowError, pieces

Receive = Callable[[], Awaitable[dict[str, Any]]]


def request(receive: Receive) -> Request:
    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)


def dripping(delay: float, size: int = 1, number: int = 1_000_000) -> Receive:
    """A client that sends `size` bytes every `delay` seconds."""
    left = number

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        await asyncio.sleep(delay)
        return {"type": "http.request", "body": bytes(size), "more_body": left > 0}

    return receive


async def read(receive: Receive, patience: float = 0.05, limit: int = 10**9) -> int:
    """How many bytes came."""
    return sum([len(piece) async for piece in pieces(request(receive), limit, patience)])


async def test_a_silent_client_is_not_waited_for() -> None:
    with pytest.raises(BodyTooSlowError):
        await read(dripping(60))


async def test_a_client_that_drips_is_not_waited_for() -> None:
    with pytest.raises(BodyTooSlowError):
        await read(dripping(0.001))


async def test_no_client_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LONGEST_SECONDS", 0.05)
    with pytest.raises(BodyTooSlowError):
        await read(dripping(0.001, size=100_000), patience=30)


async def test_a_client_that_keeps_up_is_read_to_the_end() -> None:
    assert await read(dripping(0.001, size=1_000, number=20), patience=30) == 20_000


async def test_no_more_is_read_than_is_allowed() -> None:
    with pytest.raises(BodyTooLongError):
        await read(dripping(0, size=1_000), patience=30, limit=5_000)


async def test_a_client_that_goes_is_noticed() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(BodyCutError):
        await read(gone)
