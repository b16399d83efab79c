"""Waiting for answers that are under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.api.assistant.conftest import Chat
from tests.api.assistant.stub import HEAD, Held, chunk


def half() -> Held:
    """Says a half, and waits."""
    return Held(HEAD + chunk("half"), chunk(" and half") + chunk(finish="stop"))


async def begun(chat: Chat, asked: dict[str, Any]) -> None:
    """Wait until something of the answer is there."""
    async with asyncio.timeout(20):
        while not ((answer := await chat.answer(asked))["message"] or {}).get("content"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert answer["state"] == "RUNNING"


def goes_on(answer: dict[str, Any]) -> bool:
    written = answer["message"] and answer["message"]["status"] == "STREAMING"
    return bool(written or answer["state"] in {"QUEUED", "RUNNING"})


async def over(chat: Chat, asked: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while goes_on(answer := await chat.answer(asked)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return answer


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """What is found, as soon as there is something."""
    async with asyncio.timeout(60):
        while not (something := await found()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return something
