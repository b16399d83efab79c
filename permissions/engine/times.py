"""When a right may change though nobody changes anything: time passes, and roles, shares and conditions look at it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from permissions.engine.conditions import anywhere
from permissions.engine.facts import Assignment, Share, Subject
from permissions.engine.operands import Attribute

STILL: Final = frozenset({"ip", "device"})
"""Circumstances that stay as they are as long as a token does; any other may be another one a second later."""


def looks_at_time(condition: object) -> bool:
    """Whether what a condition says may change by itself."""
    return anywhere(condition, _moves)


def looks_at_circumstances(condition: object) -> bool:
    """Whether what a condition says may be something else at another time, or from elsewhere; but for shares."""
    return anywhere(condition, _of_env)


def next_turn(subject: Subject, shares: Iterable[Share], at: datetime) -> datetime | None:
    """The first moment after `at` at which the subject may hold other roles, or a share may be over.

    None where that never comes. Where recurring hours are looked at, at the latest when they next open, close, or may.
    """
    moments = (*(turn for each in subject.assignments for turn in _turns(each, at)), *(each.until for each in shares))
    return min((moment for moment in moments if moment > at), default=None)


def _of_env(part: object) -> bool:
    return isinstance(part, Attribute) and part.scope == "env"


def _moves(part: object) -> bool:
    return isinstance(part, Attribute) and part.scope == "env" and part.name not in STILL


def _turns(assignment: Assignment, at: datetime) -> Iterator[datetime]:
    limits = (assignment.valid_from, assignment.valid_until, assignment.ended_at)
    yield from filter(None, limits)
    if assignment.window is not None and not any(end is not None and end <= at for end in limits[1:]):
        yield assignment.window.next_look(at)
