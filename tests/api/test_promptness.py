"""What is done at once is not timed; what waits is, and ends as it would by itself."""

import asyncio
from collections.abc import Awaitable

import pytest

from api.promptness import within


async def at_once() -> str:
    return "done"


async def later(*turns: float) -> str:
    for each in turns:
        await asyncio.sleep(each)
    return "done"


async def failing(turns: int) -> str:
    for _ in range(turns):
        await asyncio.sleep(0)
    raise LookupError


@pytest.mark.parametrize("make", [at_once, lambda: later(0), lambda: later(0, 0.001, 0)])
async def test_what_it_gives_is_given(make: object) -> None:
    assert callable(make)
    given: Awaitable[str] = make()
    assert await within(30, given) == "done"


async def test_a_future_is_waited_for_too() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "done")
    assert await within(30, future) == "done"


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_what_it_raises_is_raised(turns: int) -> None:
    with pytest.raises(LookupError):
        await within(30, failing(turns))


async def test_what_takes_too_long_is_broken_off_and_cleans_up() -> None:
    cleaned = []

    async def long() -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        await within(0.01, long())
    assert cleaned == [True]


async def test_who_is_cancelled_cancels_it() -> None:
    entered, cleaned = asyncio.Event(), []

    async def long() -> None:
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cleaned.append(True)
            raise

    task = asyncio.create_task(within(30, long()))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]
