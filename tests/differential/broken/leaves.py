"""Enums, scalars and inputs."""

import enum
from datetime import datetime
from typing import Any, Final, NewType

import strawberry

from tests.differential.broken.fates import BrokenError


@strawberry.enum
class Colour(enum.Enum):
    """Of which there are two."""

    RED = "red"
    GREEN = "green"


def _even(value: Any) -> Any:
    if not isinstance(value, int):
        raise BrokenError(f"no number: {value!r}")
    return None if value == 13 else value * 2


Even = NewType("Even", int)
SCALARS: Final[dict[object, Any]] = {
    Even: strawberry.scalar(name="Even", serialize=_even, parse_value=lambda value: value // 2)
}


@strawberry.input
class Inner:
    """Within another one."""

    number: int = 7
    colours: list[Colour] = strawberry.field(default_factory=list)


@strawberry.input
class Given:
    """An argument."""

    text: str = "usual"
    maybe: int | None = strawberry.UNSET
    inner: Inner | None = None
    when: datetime | None = None


ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "Int": (0, 1, 2, 3, -1),
    "String": ("", "é", "x"),
    "Colour": ("RED", "GREEN"),
    "[Colour]": ([], ["RED", None], ["GREEN"]),
    "JSON": ({}, {"a": [1, None]}, "x", 5),
    "Given": (
        {},
        {"text": "t", "maybe": None},
        {"maybe": 3, "inner": {}},
        {"inner": {"number": 1, "colours": ["RED"]}},
    ),
}
