"""Work that many ask for at once: done once, and what is over is joined by nobody."""

import asyncio

from models.single_flight import SingleFlight


async def test_all_who_ask_meanwhile_get_the_same_and_who_leaves_breaks_nothing_off() -> None:
    begun, let = list[int](), asyncio.Event()

    async def work() -> int:
        begun.append(1)
        await let.wait()
        return len(begun)

    flight = SingleFlight(work)
    first, *others = [asyncio.create_task(flight.join()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    let.set()
    assert await asyncio.gather(*others) == [1] * 4
    assert await flight.join() == 2


async def test_work_is_begun_anew_in_the_very_moment_in_which_it_is_over() -> None:
    """Whoever found it stale, and was given the same again without a pause, would never let anybody else run."""
    done, waits = list[int](), list[bool]()

    def ask() -> None:
        late = flight.join()
        try:
            late.send(None)  # as far as it comes at once
        except StopIteration:
            waits.append(False)
        else:
            waits.append(True)
            late.close()

    async def work() -> int:
        done.append(1)
        if len(done) == 1:
            asyncio.get_running_loop().call_soon(ask)
        return len(done)

    flight = SingleFlight(work)
    assert await flight.join() == 1
    assert waits == [True]
