"""What asks for much lets others go first, and is not starved by them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.tree.meter import Meter
from models.tree.precedence import STOOD_BACK_SECONDS, Pace, Precedence
from models.tree.turns import AT_ONCE, Turns

PATIENCE = "models.tree.precedence.PATIENCE_SECONDS"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's patience ends while a test looks."""
    monkeypatch.setattr(PATIENCE, 600.0)


async def settled() -> None:
    """Return when whatever can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_for_much_waits_until_nothing_else_is_under_way() -> None:
    precedence = Precedence()
    with precedence:
        with precedence:
            waiting = [asyncio.ensure_future(precedence.give_way()) for _ in range(3)]
            await settled()
        await settled()
        assert not any(each.done() for each in waiting), "one is still under way"
    await asyncio.gather(*waiting)


async def test_nobody_waits_beside_nothing() -> None:
    precedence = Precedence()
    with precedence:
        pass
    giving = precedence.give_way()
    try:
        giving.send(None)
    except StopIteration:
        return
    raise AssertionError("it has waited")


async def test_who_is_never_let_go_first_goes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PATIENCE, 0.001)
    precedence = Precedence()
    with precedence:
        await precedence.give_way()


async def test_who_gives_up_waiting_keeps_nobody() -> None:
    precedence = Precedence()
    with precedence:
        gone, other = (asyncio.ensure_future(precedence.give_way()) for _ in range(2))
        await settled()
        gone.cancel()
        await settled()
        assert (gone.done(), other.done()) == (True, False)
    await other


async def test_while_it_waits_it_holds_none_of_the_turns_of_others() -> None:
    turns, much = Turns(), [Meter(None) for _ in range(AT_ONCE)]
    done = asyncio.Event()

    async def read(meter: Meter) -> None:
        async with meter.within(turns):
            await done.wait()

    for each in much:
        each.gives_way = True
    with turns.precedence:
        waiting = [asyncio.ensure_future(read(each)) for each in much]
        await settled()
        little = asyncio.ensure_future(read(Meter(None)))
        await settled()
        assert turns._value == AT_ONCE - 1, "he who asks for little holds the only one"
    done.set()
    await asyncio.gather(little, *waiting)
    assert turns._value == AT_ONCE


async def test_a_thread_stands_back_until_nothing_else_is_under_way() -> None:
    precedence = Precedence()
    with ThreadPoolExecutor(2) as threads:
        with precedence:
            standing = [asyncio.wrap_future(threads.submit(precedence.stand_back, 600)) for _ in range(2)]
            while precedence._passed is None:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0)
            await settled()
            assert not any(each.done() for each in standing)
        assert all(seconds >= 0 for seconds in await asyncio.gather(*standing))


def test_a_thread_does_not_stand_back_for_ever() -> None:
    precedence = Precedence()
    assert precedence.stand_back(600) == 0, "there is nobody"
    with precedence:
        assert 0.001 <= precedence.stand_back(0.001) < 600


class Noting(Precedence):
    """Of which is noted how long a thread would stand back, and that it has stood back for so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.asked: list[float] = []

    def stand_back(self, seconds: float = 0) -> float:
        self.asked.append(seconds)
        return self.seconds


def test_a_thread_stands_back_from_time_to_time_and_not_for_ever() -> None:
    precedence = Noting(0.6 * STOOD_BACK_SECONDS)
    pace = Pace(precedence, 3)
    for _ in range(10):
        pace()
    assert precedence.asked == pytest.approx([STOOD_BACK_SECONDS, 0.4 * STOOD_BACK_SECONDS])
