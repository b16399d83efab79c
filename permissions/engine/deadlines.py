"""The next moment at which a condition may say something else, just because time passes."""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Final

from permissions.engine.comparisons import Equal, Ordered
from permissions.engine.conditions import Condition
from permissions.engine.facts import Facts
from permissions.engine.operands import Attribute, Literal, Operand
from permissions.engine.times import looks_at_time

SECOND: Final = timedelta(seconds=1)
"""How soon one looks again where the next moment can't be foreseen."""
INSTANT: Final = timedelta(milliseconds=1)
"""The least by which two moments differ."""


class _UnforeseenError(Exception):
    """It looks at the time by more than comparing it with something that stands still."""


def next_look(condition: Condition, facts: Facts) -> datetime | None:
    """The first moment after that of `facts` at which it may say something else of the same; None: it never will.

    Foreseen is what compares `env.time` or `env.session_age` with a fixed value, or with an attribute of user or
    resource. Where the time goes through a function, or a sum, that is a second later.
    """
    try:
        moments = list(_turns(condition, facts))
    except _UnforeseenError:
        return facts.env.time + SECOND
    return min((moment for moment in moments if moment > facts.env.time), default=None)


def _turns(part: object, facts: Facts) -> Iterator[datetime]:
    if isinstance(part, Equal | Ordered):
        yield from _compared(part.left, part.right, facts)
    elif isinstance(part, tuple):
        for each in part:
            yield from _turns(each, facts)
    elif isinstance(part, Attribute):
        if looks_at_time(part):
            raise _UnforeseenError
    elif is_dataclass(part) and not isinstance(part, type):
        for field in fields(part):
            yield from _turns(getattr(part, field.name), facts)


def _compared(left: Operand, right: Operand, facts: Facts) -> Iterator[datetime]:
    moving = [each for each in (left, right) if looks_at_time(each)]
    if not moving:
        return
    other = right if moving[0] is left else left
    if len(moving) > 1 or not isinstance(moving[0], Attribute) or not isinstance(other, Attribute | Literal):
        raise _UnforeseenError
    value = other.reader()(facts)
    try:
        if moving[0].name == "time":
            yield from _passed(value)
        elif moving[0].name == "session_age":
            yield from _reached(value, facts)
        else:
            raise _UnforeseenError
    except OverflowError:  # at the end of the calendar
        return


def _passed(value: object) -> Iterator[datetime]:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _UnforeseenError
    yield value
    yield value + INSTANT


def _reached(value: object, facts: Facts) -> Iterator[datetime]:
    """When the session will be so old. Its age is in whole seconds, and was told a moment before the facts' time."""
    age = facts.env.attributes.get("session_age")
    if type(age) is not int or not isinstance(value, int | float) or not math.isfinite(value):
        raise _UnforeseenError
    second = facts.env.time.replace(microsecond=0)
    for early in (-1, 0, 1):
        yield second + timedelta(seconds=math.floor(value) - age + early)
