"""What is decided before any resource is known, remembered where it hangs neither on when nor from where one asks."""

from typing import Final, NamedTuple

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Id, Subject
from permissions.engine.plans import Plan
from permissions.engine.rules import Effect, Reason

MOST: Final = 10_000
"""Kept; then it is begun anew."""

Key = tuple[Id, str, str, ConflictStrategy | None]
"""A subject, an action, a type of resource, and the strategy if one was named."""


class Foreseen(NamedTuple):
    """How it ends for `subject`, who has `plan`, and what becomes of each rule."""

    subject: Subject
    plan: Plan
    effect: Effect
    decided_by: tuple[str, ...]
    reasons: tuple[Reason, ...]


class Foresight:
    """Of one snapshot. What it gives back was found for this very subject, by this very plan.

    INVARIANT: nothing is kept of a plan that isn't `still`. Shares end, but that somebody may have shared something
    stays true: of them a filter names the moment, and whether there is a filter doesn't hang on it.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, Foreseen] = {}

    def get(self, key: Key, subject: Subject, plan: Plan) -> Foreseen | None:
        """What was found before, if that is so."""
        known = self._kept.get(key)
        return known if known is not None and known.subject is subject and known.plan is plan else None

    def keep(self, key: Key, found: Foreseen) -> None:
        """Remember it, if it may be."""
        if not found.plan.still:
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = found
