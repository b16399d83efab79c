"""What an object has without that anything is called: good values, and bad ones."""

import enum
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from tests.differential.broken.fates import Fate
from tests.differential.broken.leaves import Colour

ATTRIBUTES: Final[dict[str, tuple[Callable[[Fate], Any], tuple[Any, ...]]]] = {
    "id": (lambda fate: f"id{fate.randrange(9)}", (7, 1.0, True)),
    "text": (lambda fate: "é" * fate.randrange(9), (True, 7, Colour.RED)),
    "maybe": (lambda fate: fate.choice((None, "", "some")), ()),
    "number": (lambda fate: fate.choice((0, -1, 2**31 - 1)), (2**31, 1.0, 1.5, "7", "x", True)),
    "ratio": (lambda fate: fate.choice((0.5, -1e300, 3)), (float("inf"), float("nan"), "1.5", True)),
    "flag": (lambda fate: fate.random() < 0.5, (1, 0, 2.5, "true")),
    "colour": (lambda fate: fate.choice(list(Colour)), ("red", "RED", "blue", enum.Enum("Other", "RED").RED)),  # type: ignore[attr-defined]
    "colours": (lambda fate: [Colour.RED, None], (Colour.RED, ["red", "blue"], (Colour.GREEN,))),
    "when": (
        lambda fate: datetime(2026, 1, 1, 12, 0, fate.randrange(60), tzinfo=UTC),
        (datetime(2026, 1, 1), "2026-01-01"),  # noqa: DTZ001 - a wrong one
    ),
    "texts": (lambda fate: ["a"] * fate.randrange(3), (["a", None], ("a",), "abc", [1], iter(["x"]))),
    "matrix": (lambda fate: [[1, 2], None, []], ([[1, None]], [None, 3], [["x"]])),
    "free": (lambda fate: fate.choice(({"a": [1, None]}, "x", 0.5)), ({1: 2},)),
    "even": (lambda fate: fate.randrange(9), (13, "x")),
    "odd": (lambda fate: fate.choice((None, 2)), (13, "x")),
    "guarded": (lambda fate: "yes", ()),
    "perhaps": (lambda fate: fate.choice((None, "yes")), ()),
    "plainly": (lambda fate: fate.choice((None, "yes")), ()),
}
