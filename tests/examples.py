"""How many examples a property is tried with."""

from typing import Final

from hypothesis import settings

FIXED: Final = settings.get_current_profile_name() == "ci"
"""Hypothesis tries the same examples each time, as it does where `CI` is set."""


def examples(number: int) -> int:
    """`number` where each run tries others, and a third of them where none finds what the last one has not."""
    return max(1, number // 3) if FIXED else number
