"""From when on the same question would be answered with yes, if it is enough to wait."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from permissions.engine.operands import Attribute
from permissions.engine.snapshot import Snapshot
from permissions.questions.fixes import INSTANT, constants
from permissions.questions.possible import attributes_of
from permissions.questions.question import Question
from permissions.questions.steps import WaitUntil, World

HORIZON: Final = timedelta(days=8)
"""How far hours and weekdays are looked through: every weekly hour comes once."""
STRIDE: Final = timedelta(minutes=15)
MOST_MOMENTS: Final = 100
TIME: Final = Attribute("env", "time")


def waiting(world: World) -> WaitUntil | None:
    """The first moment at which `world`, left alone, allows what it denies now; None if none is in sight."""
    start = world.question.env.time

    def allows(moment: datetime) -> bool:
        return world.after((WaitUntil(moment),)).allows()

    before = start
    for moment in sorted({*_moments(world), *_strides(world)}):
        if allows(moment):
            return WaitUntil(_first(allows, before, moment))
        before = moment
    return None


def _first(allows: Callable[[datetime], bool], before: datetime, moment: datetime) -> datetime:
    """The first whole second that allows, between one that doesn't and one that does."""
    while (gap := moment - before) > timedelta(seconds=1):
        middle = (before + gap / 2).replace(microsecond=0)
        if middle <= before:
            break
        before, moment = (before, middle) if allows(middle) else (middle, moment)
    return moment


def _moments(world: World) -> list[datetime]:
    """Ends and beginnings that rules and assignments name."""
    start = world.question.env.time
    named = [*_limits(world.question), *_constants_of_rules(world)]
    later = sorted({moment for moment in named if moment.tzinfo is not None and moment > start})
    return later[:MOST_MOMENTS]


def _limits(question: Question) -> Iterator[datetime]:
    for each in question.subject.assignments:
        yield from (moment for moment in (each.valid_from, each.valid_until, each.ended_at) if moment)


def _constants_of_rules(world: World) -> Iterator[datetime]:
    for condition in _conditions(world.snapshot, world.question):
        for value in constants(condition):
            if isinstance(value, datetime):
                yield from (value, value + INSTANT)


def _strides(world: World) -> Iterable[datetime]:
    """A regular search, where something depends on hours or weekdays."""
    if not _recurs(world):
        return ()
    start = world.question.env.time.astimezone(UTC)
    first = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0) + STRIDE
    return (first + STRIDE * n for n in range(HORIZON // STRIDE))


def _recurs(world: World) -> bool:
    if any(getattr(each, "window", None) for each in world.question.subject.assignments):
        return True
    return any(TIME in attributes_of(each) for each in _conditions(world.snapshot, world.question))


def _conditions(snapshot: Snapshot, question: Question) -> list[Any]:
    """Those of all rules that any of the assignments, past and future ones too, bring along."""
    roles = tuple(sorted({each.role for each in question.subject.assignments}))
    return [rule.condition for rule in snapshot.plan(roles, question.action).rules if rule.condition]
