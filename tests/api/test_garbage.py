"""The garbage collector of a worker."""

import gc
import itertools
import weakref
from collections.abc import Iterator

import pytest

from api import garbage
from api.garbage import MOST_GROWTH, SELDOM_SECONDS, Garbage, quiet


class Ring:
    """It refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.ring = self


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(clock: Clock) -> Iterator[Garbage]:
    usual = gc.get_threshold()
    gc.collect()
    begun = Garbage(clock)
    begun.begin()
    try:
        yield begun
    finally:
        begun.end()
        gc.set_threshold(*usual)
        gc.enable()
        gc.unfreeze()


def test_what_was_loaded_before_is_not_looked_at(clock: Clock) -> None:
    kept, usual, frozen = [{"loaded": True}], gc.get_threshold(), gc.get_freeze_count()
    gc.disable()  # as it is while a worker imports
    begun = Garbage(clock)
    begun.begin()
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
        assert not _looked_at(kept)
        assert len(gc.get_objects()) < 1_000
    finally:
        begun.end()
        gc.set_threshold(*usual)
        gc.enable()
        gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_a_full_pass_frees_a_ring_that_was_left_since_the_one_before() -> None:
    gc.collect()
    left = weakref.ref(Ring())
    gc.collect()
    assert left() is None


@pytest.mark.usefixtures("collector")
def test_what_outlived_a_full_pass_is_not_looked_at_by_the_next() -> None:
    kept = [{"new": True}]
    assert _looked_at(kept)
    gc.collect(1)
    assert _looked_at(kept), "another pass than a full one keeps nothing"
    gc.collect()
    assert not _looked_at(kept)


@pytest.mark.usefixtures("collector")
def test_what_outlived_a_full_pass_is_freed_without_one() -> None:
    kept = {Ring.__name__: type("Plain", (), {})()}
    gc.collect()
    gone = weakref.ref(kept[Ring.__name__])
    kept.clear()
    assert gone() is None


def test_a_ring_that_was_kept_is_freed_when_all_is_looked_at(collector: Garbage) -> None:
    kept = [Ring()]
    left = weakref.ref(kept[0])
    gc.collect()
    kept.clear()
    gc.collect()
    assert left() is not None
    collector.look_at_all()
    assert left() is None
    assert not _looked_at(kept), "what outlived that is kept, too"


def test_all_is_looked_at_after_an_hour_in_which_there_was_a_pass(collector: Garbage, clock: Clock) -> None:
    gc.collect()
    assert not collector.due
    clock.seconds += SELDOM_SECONDS
    assert collector.due
    collector.look_at_all()
    clock.seconds += SELDOM_SECONDS
    assert not collector.due, "nothing has been kept since"
    gc.collect()
    assert collector.due


def test_all_is_looked_at_as_soon_as_there_is_twice_as_much(collector: Garbage) -> None:
    gc.collect()
    gc.disable()  # no other passes than these
    more = [[number] for number in range(int(MOST_GROWTH * gc.get_freeze_count()))]
    assert not collector.due
    gc.collect()
    assert collector.due
    del more
    collector.look_at_all()
    gc.collect()
    assert not collector.due


async def test_it_is_done_in_a_quiet_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "MOMENT_SECONDS", 0.001)
    ran = iter([0, 1, 1, 2, 2, 2])
    await quiet(60, ran=lambda: next(ran))
    assert next(ran, None) is None, "the third moment is the first in which nothing was done"


async def test_a_quiet_moment_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "MOMENT_SECONDS", 0.001)
    busy = itertools.count()
    await quiet(0.01, ran=lambda: next(busy))
    assert next(busy) > 0


def _looked_at(sought: object) -> bool:
    """Whether a full pass would look at it."""
    return any(each is sought for each in gc.get_objects())
