"""`+ - * / %` and `size`, with CEL's limits: whole numbers of 64 bits, no rest without a divisor."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from models.clock import stored
from permissions.engine.operands import Fault
from permissions.engine.values import LONGEST_INT, Kind, is_list, kind, name_of

LONGEST_TEXT: Final = 10_000
"""Characters that adding texts may give."""

N, S, T, D = Kind.NUMBER, Kind.STRING, Kind.DATE, Kind.DURATION


def add(left: Any, right: Any) -> Any:
    """Numbers, texts, a duration to a time or to a duration."""
    kinds = (kind(left), kind(right))
    if kinds == (N, N):
        return _number(left + right)
    if kinds == (S, S):
        return left + right if len(left) + len(right) <= LONGEST_TEXT else Fault("too long a text")
    if kinds in ((T, D), (D, T), (D, D)):
        return _moved(lambda: left + right)
    return _misfit("add", left, right)


def subtract(left: Any, right: Any) -> Any:
    """Numbers, a duration from a time or a duration, a time from a time."""
    kinds = (kind(left), kind(right))
    if kinds == (N, N):
        return _number(left - right)
    if kinds in ((T, D), (D, D), (T, T)):
        return _moved(lambda: left - right)
    return _misfit("subtract", left, right)


def multiply(left: Any, right: Any) -> Any:
    """Numbers."""
    return _number(left * right) if _numbers(left, right) else _misfit("multiply", left, right)


def divide(left: Any, right: Any) -> Any:
    """Numbers; of two whole ones the whole quotient, cut towards 0."""
    if not _numbers(left, right):
        return _misfit("divide", left, right)
    if right == 0:
        return Fault("division by zero")
    if isinstance(left, float) or isinstance(right, float):
        return _number(left / right)
    quotient = abs(left) // abs(right)
    return _number(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: Any, right: Any) -> Any:
    """Whole numbers; the sign is that of the first."""
    if not _numbers(left, right) or isinstance(left, float) or isinstance(right, float):
        return _misfit("take a rest of", left, right)
    return Fault("division by zero") if right == 0 else int(math.copysign(1, left)) * (abs(left) % abs(right))


def negate(value: Any) -> Any:
    """A number or a duration."""
    if kind(value) is D:
        return _moved(lambda: -value)
    return _number(-value) if kind(value) is N else Fault(f"can't negate {name_of(value)}")


def size(value: Any) -> Any:
    """Code points of a text, elements of a list."""
    return len(value) if isinstance(value, str) or is_list(value) else Fault(f"{name_of(value)} has no size")


def _numbers(left: Any, right: Any) -> bool:
    return kind(left) is N and kind(right) is N


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return Fault("not a number") if math.isnan(value) else value
    return value if -LONGEST_INT <= value < LONGEST_INT else Fault("a whole number out of range")


def _moved(move: Callable[[], Any]) -> datetime | timedelta | Fault:
    try:
        moved = move()
        return stored(moved) if isinstance(moved, datetime) else moved
    except OverflowError:
        return Fault("a time or duration out of range")


def _misfit(verb: str, left: Any, right: Any) -> Fault:
    return Fault(f"can't {verb} {name_of(left)} and {name_of(right)}")
