"""Why, or why not: every rule that was asked and what became of it, in data and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Facts
from permissions.engine.rules import Effect, Outcome, Reason
from permissions.engine.snapshot import Snapshot
from permissions.questions.paths import Path, Paths
from permissions.questions.question import Question
from permissions.questions.sight import Sight, seen

MEANINGS: Final[Mapping[ConflictStrategy, str]] = {
    ConflictStrategy.DENY_OVERRIDES: "one denial outweighs every permit",
    ConflictStrategy.MOST_PERMISSIVE: "one permit outweighs every denial",
    ConflictStrategy.MOST_RESTRICTIVE: "every role held must permit, and none deny",
    ConflictStrategy.PRIORITY: "the rules of the lowest number decide, and among equals a denial",
}

MOST_ENTRIES: Final = 200
"""Rules told of one decision, first those that decided."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, and what became of it. `detail` is what was compared with what, as far as the asker may know."""

    rule: str
    effect: Effect
    outcome: Outcome
    decided: bool
    condition: str | None
    detail: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`held` are the roles held at that moment, `inherited` those that come with them. `left_out` rules aren't told."""

    decision: Decision
    strategy: ConflictStrategy
    held: tuple[str, ...]
    inherited: tuple[str, ...]
    trace: tuple[Entry, ...]
    left_out: int = 0

    @property
    def words(self) -> list[str]:
        """The same in sentences."""
        more = [f"{self.left_out} more rules speak of it."] if self.left_out else []
        return [_verdict(self.decision), _roles(self), _strategy(self.strategy), *map(_sentence, self.trace), *more]


def explain(snapshot: Snapshot, question: Question, sight: Sight, decision: Decision | None = None) -> Explanation:
    """Of a question, or of the `decision` that it got."""
    decision = question.decide(snapshot) if decision is None else decision
    held, facts = question.subject.roles_at(question.env.time), question.facts(snapshot)
    shown, paths = seen(facts, sight), Paths(snapshot, question.subject, held)
    return Explanation(
        decision=decision,
        strategy=question.settled_by(snapshot),
        held=held,
        inherited=tuple(sorted(set(facts.roles) - set(held))),
        trace=tuple(_entry(reason, shown, decision, paths) for reason in _told(decision)),
        left_out=max(0, len(decision.reasons) - MOST_ENTRIES),
    )


def _told(decision: Decision) -> Sequence[Reason]:
    if len(decision.reasons) <= MOST_ENTRIES:
        return decision.reasons
    return sorted(decision.reasons, key=lambda each: not _decided(each, decision))[:MOST_ENTRIES]


def _decided(reason: Reason, decision: Decision) -> bool:
    return reason.counts and reason.rule.id in decision.decided_by


def _entry(reason: Reason, shown: Facts, decision: Decision, paths: Paths) -> Entry:
    rule = reason.rule
    return Entry(
        rule=rule.id,
        effect=rule.effect,
        outcome=reason.outcome,
        decided=_decided(reason, decision),
        condition=rule.origin.text,
        detail=_detail(reason, shown),
        paths=paths.of(rule),
    )


def _detail(reason: Reason, shown: Facts) -> str:
    """A matched condition is told, too. What was wrong is told by the shown values, not by the real ones."""
    condition = reason.rule.condition
    if condition is None:
        return ""
    compared = condition.explain(shown)
    if reason.fault is None:
        return compared
    return f"{reason.fault.reason}: {compared}" if reason.facts == shown else f"can't be judged: {compared}"


def _verdict(decision: Decision) -> str:
    verdict = "allowed" if decision else "denied"
    why = f"by {', '.join(decision.decided_by)}" if decision.explicit else "no rule allows it"
    return f"`{decision.action}` on {decision.resource.type} is {verdict}: {why}."


def _roles(explanation: Explanation) -> str:
    held, inherited = explanation.held, explanation.inherited
    return f"Roles held: {_listed(held)}" + (f"; inherited: {_listed(inherited)}." if inherited else ".")


def _strategy(strategy: ConflictStrategy) -> str:
    return f"Conflicts end by {strategy}: {MEANINGS[strategy]}."


def _sentence(entry: Entry) -> str:
    became = "could not be judged, and so denies" if _denies_by_error(entry) else entry.outcome.value
    ways = "; ".join(" → ".join(path.steps) for path in entry.paths)
    detail = f" ({entry.detail})" if entry.detail else ""
    return f"{entry.rule}, by {ways}: {became}{detail}{', and decided' if entry.decided else ''}."


def _denies_by_error(entry: Entry) -> bool:
    return entry.outcome is Outcome.ERROR and entry.effect is Effect.DENY


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
