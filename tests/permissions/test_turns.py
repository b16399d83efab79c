"""Long questions wait for each other, and nobody else waits for them."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest

from permissions.errors import BusyError
from permissions.turns import Turns


def told(order: list[str], name: str) -> Callable[[], str]:
    def work() -> str:
        order.append(name)
        return name

    return work


async def test_many_questions_of_one_asker_dont_keep_another_waiting() -> None:
    turns, order, gate = Turns(), list[str](), threading.Event()
    held = asyncio.create_task(turns.take("flood", gate.wait))
    await asyncio.sleep(0)
    flood = [asyncio.create_task(turns.take("flood", told(order, f"flood {n}"))) for n in range(20)]
    await asyncio.sleep(0)
    other = asyncio.create_task(turns.take("other", told(order, "other")))
    await asyncio.sleep(0)

    gate.set()

    assert await asyncio.gather(held, other, *flood) == [True, "other", *(f"flood {n}" for n in range(20))]
    assert order.index("other") <= 1


async def test_whose_turn_does_not_come_is_told_so_and_his_work_is_never_begun() -> None:
    turns, order, gate = Turns(patience_seconds=0.05), list[str](), threading.Event()
    held = asyncio.create_task(turns.take("a", partial(gate.wait, 30)))
    await asyncio.sleep(0)
    try:
        with pytest.raises(BusyError):
            await turns.take("b", told(order, "b"))
        with pytest.raises(BusyError):
            await held
    finally:
        gate.set()
    assert await turns.take("c", told(order, "c")) == "c"
    assert order == ["c"]


async def test_what_goes_wrong_is_told_to_who_asked() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        await turns.take("a", lambda: 1 // 0)
    assert await turns.take("a", lambda: 1) == 1
