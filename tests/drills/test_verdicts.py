"""The judge of the drill sees what it is there to see."""

import pytest

from tests.drills.verdicts import Seen, Verdict


def seen(*items: int | str) -> list[Seen]:
    """Numbers of messages; `rN` for a resync at which messages up to N were read."""
    return [
        Seen((place, 0), reason="told", read=int(item[1:])) if isinstance(item, str) else Seen((place, 0), item)
        for place, item in enumerate(items, 1)
    ]


@pytest.mark.parametrize(
    ("items", "missing", "late", "double", "disordered"),
    [
        ((0, 1, 2, 3), 0, 0, 0, 0),
        ((0, 2, 3), 1, 0, 0, 0),
        ((0, 1, 2), 1, 0, 0, 0),
        ((), 4, 0, 0, 0),
        ((0, 1, 1, 2, 3), 0, 0, 1, 0),
        ((0, 2, 1, 3), 1, 0, 0, 1),
        ((0, "r2", 3), 0, 0, 0, 0),
        ((0, "r2", 1, 2, 3), 0, 0, 0, 0),
        ((0, "r2", 2, 2, 3), 0, 0, 1, 0),
        ((0, "r1", 3), 1, 0, 0, 0),
        (("r3",), 0, 0, 0, 0),
        ((0, 1, 3, "r3"), 0, 1, 0, 0),
        ((0, 2, "r2", 2), 1, 1, 1, 0),
        ((0, 2, "r3"), 0, 1, 0, 0),
    ],
)
def test_what_is_missing_double_or_out_of_order_is_counted(
    items: tuple[int | str, ...], missing: int, late: int, double: int, disordered: int
) -> None:
    verdict = Verdict.of(seen(*items), newest=3)
    found = (verdict.missing, verdict.late, verdict.double, verdict.disordered)
    assert found == (missing, late, double, disordered)
    assert len(verdict.reasons) == sum(isinstance(item, str) for item in items)


def test_a_cursor_that_does_not_grow_is_out_of_order() -> None:
    assert Verdict.of([Seen((2, 0), 0), Seen((1, 9), 1)], newest=1).disordered == 1
