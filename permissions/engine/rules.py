"""Rules: a grant of a role, or a policy, ready to be judged."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from permissions.engine.conditions import Condition, Test
from permissions.engine.facts import Facts
from permissions.engine.filters import ALWAYS, Fields, Filter, neither
from permissions.engine.operands import Fault


class Effect(StrEnum):
    """What a rule says, and what a decision is."""

    ALLOW = "allow"
    DENY = "deny"


class Outcome(StrEnum):
    """What became of a rule."""

    MATCHED = "matched"
    NOT_MET = "not met"
    ERROR = "error"
    """It couldn't be judged: it doesn't allow; if it denies, it does deny."""
    OPEN = "open"
    """It depends on the resource, and the question named none."""


class Origin(NamedTuple):
    """Where a rule stands: a role's grant, or a policy. `text` is its condition as it was written."""

    role: str | None = None
    policy: str | None = None
    text: str | None = None


NOWHERE: Final = Origin()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`rank` orders rules where priorities decide: the lowest counts. Two rules are the same if they are one object."""

    id: str
    effect: Effect
    condition: Condition | None
    rank: float
    origin: Origin = NOWHERE
    test: Test | None = field(init=False)
    certain: "Reason" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", self.condition and self.condition.test())
        object.__setattr__(self, "certain", Reason(self, Outcome.MATCHED))

    @property
    def denies(self) -> bool:
        """Whether it forbids."""
        return self.effect is Effect.DENY

    def judge(self, facts: Facts) -> "Reason":
        """What becomes of it."""
        if self.test is None:
            return self.certain
        truth = self.test(facts)
        if truth is True:
            return self.certain
        if truth is False:
            return Reason(self, Outcome.NOT_MET, facts)
        return Reason(self, Outcome.ERROR, facts, truth)

    def foresee(self, known: Facts, fields: Fields) -> "Possible":
        """Which stored resources it would match, and which it wouldn't: each the other's complement."""
        true, false = self.condition.pair(known, fields) if self.condition else ALWAYS
        return Possible(self, neither(false), false) if self.denies else Possible(self, true, neither(true))


class Reason(NamedTuple):
    """A rule that was considered, and what became of it."""

    rule: Rule
    outcome: Outcome
    facts: Facts | None = None
    fault: Fault | None = None

    @property
    def counts(self) -> bool:
        """Whether the rule takes part in the decision."""
        return self.outcome is Outcome.MATCHED or (self.outcome is Outcome.ERROR and self.rule.denies)

    @property
    def detail(self) -> str:
        """What was compared with what, where that decided. It holds values of user and resource: redact it."""
        if self.facts is None or self.rule.condition is None:
            return ""
        compared = self.rule.condition.explain(self.facts)
        return f"{self.fault.reason}: {compared}" if self.fault else compared


class Possible(NamedTuple):
    """The stored resources that a rule matches, and the others."""

    rule: Rule
    hit: Filter
    miss: Filter

    @property
    def outcome(self) -> Outcome:
        """What is known of the rule while no resource is."""
        if self.hit is None:
            return Outcome.NOT_MET
        return Outcome.MATCHED if self.miss is None else Outcome.OPEN

    @property
    def reason(self) -> Reason:
        """The same, as decisions tell it."""
        return Reason(self.rule, self.outcome)
