"""What there is to ask for a set of held roles and an action, and what was found when it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from permissions.engine.conflicts import STRATEGIES, ConflictStrategy, Voter
from permissions.engine.deadlines import next_look
from permissions.engine.facts import Facts
from permissions.engine.rules import Effect, Reason, Rule
from permissions.engine.times import looks_at_circumstances, looks_at_time

VERDICTS: Final = 1_000
"""Verdicts kept of a plan: one for each set of rules that has matched."""


class Verdict(NamedTuple):
    """How it ends when certain rules have matched: what is decided, and by which."""

    effect: Effect
    decided_by: tuple[str, ...]


def verdict(deciding: Sequence[Rule]) -> Verdict:
    """Nothing means deny, and so does a denial among them."""
    allowed = bool(deciding) and not any(rule.denies for rule in deciding)
    return Verdict(Effect.ALLOW if allowed else Effect.DENY, tuple([rule.id for rule in deciding]))


@dataclass(slots=True)
class Plan:
    """The rules that speak of the action, and whose they are. `shadows` are judged, and don't count.

    It remembers verdicts, as they hang on nothing but the rules that matched.
    """

    roles: tuple[str, ...]
    rules: tuple[Rule, ...]
    voters: tuple[Voter, ...]
    shadows: tuple[Rule, ...] = ()
    certain: tuple[Reason, ...] | None = field(init=False)
    """What becomes of the rules whatever is asked about, where none has a condition."""
    _verdicts: dict[tuple[ConflictStrategy, tuple[Rule, ...]], Verdict] = field(init=False, default_factory=dict)
    _moving: tuple[Rule, ...] | None = field(init=False, default=None)
    _still: bool | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        unconditional = all(rule.test is None for rule in self.rules)
        self.certain = tuple(rule.certain for rule in self.rules) if unconditional else None

    def judge(self, facts: Facts) -> tuple[tuple[Reason, ...], tuple[Rule, ...]]:
        """What becomes of each rule, and those that matched."""
        reasons, matched = [], []
        for rule in self.rules:
            reason = rule.judge(facts)
            reasons.append(reason)
            if reason is rule.certain or reason.counts:
                matched.append(rule)
        return tuple(reasons), tuple(matched)

    def settle(self, strategy: ConflictStrategy, matched: tuple[Rule, ...]) -> Verdict:
        """How it ends when these have matched."""
        known = self._verdicts.get((strategy, matched))
        if known is None:
            if len(self._verdicts) >= VERDICTS:
                self._verdicts.clear()
            known = verdict(STRATEGIES[strategy].decide(matched, self.voters))
            self._verdicts[strategy, matched] = known
        return known

    @property
    def still(self) -> bool:
        """Whether nothing in it looks at the time, or at from where somebody asks, but for shares, which end."""
        if self._still is None:
            self._still = not self.shadows and not any(looks_at_circumstances(rule.condition) for rule in self.rules)
        return self._still

    @property
    def moves(self) -> bool:
        """Whether what it says of the same subject and resource may be something else later, just by time."""
        if self._moving is None:
            self._moving = tuple(rule for rule in self.rules if rule.condition and looks_at_time(rule.condition))
        return bool(self._moving)

    def next_look(self, facts: Facts) -> datetime | None:
        """The first moment after that of `facts` at which it may be; None where that never comes."""
        moving = (self.moves and self._moving) or ()
        moments = (next_look(rule.condition, facts) for rule in moving if rule.condition is not None)
        return min(filter(None, moments), default=None)
