"""What somebody may do, flattened: each action with its effect, the condition, and every way by which it came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from permissions.actions import resource_type
from permissions.engine.conflicts import STRATEGIES, ConflictStrategy, Voter
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.rules import Rule
from permissions.engine.snapshot import Snapshot
from permissions.questions.paths import Path, Paths
from permissions.questions.possible import FALSE, TRUE, Outcomes, possible

MOST_RULES: Final = 50
"""Rules shown for one action, first those that decide."""


class PermissionEffect(StrEnum):
    """Whether an action is allowed for every resource, for none, or for those that meet a condition."""

    ALLOW = "allow"
    DENY = "deny"
    CONDITIONAL = "conditional"


@dataclass(frozen=True, slots=True)
class EffectiveRule:
    """A rule that may count, and the ways by which it came. `certain` is one that counts for every resource."""

    rule: Rule
    certain: bool
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class EffectivePermission:
    """One action. Without rules it is denied because nothing allows it."""

    action: str
    effect: PermissionEffect
    condition: str | None
    rules: tuple[EffectiveRule, ...]
    deciding: tuple[EffectiveRule, ...]

    @property
    def via(self) -> list[Path]:
        """Every way by which the effect came."""
        return [path for each in self.deciding for path in each.paths]


class Live(NamedTuple):
    """A rule that may count: whether it must."""

    rule: Rule
    certain: bool


def effective(
    snapshot: Snapshot,
    subject: Subject,
    actions: Iterable[str],
    env: Env,
    strategy: ConflictStrategy | None = None,
) -> list[EffectivePermission]:
    """Each of `actions`, as they are at `env.time`; what `env` doesn't name is open, as the resource is."""
    paths = Paths(snapshot, subject, subject.roles_at(env.time))
    return [_effective(snapshot, subject, action, env, strategy, paths) for action in actions]


def _effective(
    snapshot: Snapshot, subject: Subject, action: str, env: Env, strategy: ConflictStrategy | None, paths: Paths
) -> EffectivePermission:
    type_, held = resource_type(action), subject.roles_at(env.time)
    chosen, plan = strategy or snapshot.strategy(type_), snapshot.plan(held, action)
    known = Facts(subject, plan.roles, Resource(type_), env)
    live = [each for rule in plan.rules for each in _live(rule, possible(rule.condition, known))]
    effect, deciding = _judged(chosen, live, plan.voters)
    counted = sorted(live, key=lambda each: each.rule not in deciding)[:MOST_RULES]
    shown = {each.rule: EffectiveRule(*each, paths.of(each.rule)) for each in counted}
    return EffectivePermission(
        action=action,
        effect=effect,
        condition=said(chosen, live, plan.voters) if effect is PermissionEffect.CONDITIONAL else None,
        rules=tuple(shown.values()),
        deciding=tuple(shown[rule] for rule in deciding if rule in shown),
    )


def _live(rule: Rule, outcomes: Outcomes) -> list[Live]:
    """A rule that denies counts where it errs, too."""
    counting = outcomes - {FALSE} if rule.denies else outcomes & {TRUE}
    return [Live(rule, certain=counting == outcomes)] if counting else []


def _judged(
    strategy: ConflictStrategy, live: Sequence[Live], voters: Sequence[Voter]
) -> tuple[PermissionEffect, Sequence[Rule]]:
    """The best and the worst that can come.

    INVARIANT: under each strategy one more permit never denies, and one more denial never allows; so nothing lies
    outside these two.
    """
    decide = STRATEGIES[strategy].decide
    best = decide([rule for rule, certain in live if certain or not rule.denies], voters)
    worst = decide([rule for rule, certain in live if certain or rule.denies], voters)
    if not _allows(best):
        return PermissionEffect.DENY, worst
    return (PermissionEffect.ALLOW if _allows(worst) else PermissionEffect.CONDITIONAL), best


def _allows(deciding: Sequence[Rule]) -> bool:
    return bool(deciding) and not any(rule.denies for rule in deciding)


Text = str | bool
"""A condition's text, or what it always comes to."""


def said(strategy: ConflictStrategy, live: Sequence[Live], voters: Sequence[Voter]) -> str | None:
    """The condition under which `strategy` allows, in the language of conditions."""
    text = TEXTS[strategy](live, voters)
    return text if isinstance(text, str) else None


def _deny_overrides(live: Sequence[Live], voters: Sequence[Voter]) -> Text:
    return _and(_some(live, denies=False), _not(_some(live, denies=True)))


def _most_permissive(live: Sequence[Live], voters: Sequence[Voter]) -> Text:
    return _some(live, denies=False)


def _most_restrictive(live: Sequence[Live], voters: Sequence[Voter]) -> Text:
    agreed = (_some([each for each in live if each.rule in voter], denies=False) for voter in voters)
    return _and(*agreed, _not(_some(live, denies=True)))


def _priority(live: Sequence[Live], voters: Sequence[Voter]) -> Text:
    """From the last to the first: what stands before decides, unless it is silent."""
    text: Text = False
    for _, equals in groupby(sorted(live, key=_rank, reverse=True), key=_rank):
        group = list(equals)
        text = _and(_or(_some(group, denies=False), text), _not(_some(group, denies=True)))
    return text


TEXTS: Final[Mapping[ConflictStrategy, Callable[[Sequence[Live], Sequence[Voter]], Text]]] = {
    ConflictStrategy.DENY_OVERRIDES: _deny_overrides,
    ConflictStrategy.MOST_PERMISSIVE: _most_permissive,
    ConflictStrategy.MOST_RESTRICTIVE: _most_restrictive,
    ConflictStrategy.PRIORITY: _priority,
}


def _rank(live: Live) -> float:
    return live.rule.rank


def _some(live: Iterable[Live], *, denies: bool) -> Text:
    return _or(
        *(
            True if each.certain else (each.rule.origin.text or "").strip() or True
            for each in live
            if each.rule.denies is denies
        )
    )


def _or(*parts: Text) -> Text:
    return _chained(" || ", False, parts)


def _and(*parts: Text) -> Text:
    return _chained(" && ", True, parts)


def _chained(sign: str, idle: bool, parts: Iterable[Text]) -> Text:
    some = list(dict.fromkeys(part for part in parts if part is not idle))
    if (not idle) in some:
        return not idle
    texts = [part for part in some if isinstance(part, str)]
    if len(texts) < 2:
        return texts[0] if texts else idle
    return sign.join(f"({text})" for text in texts)


def _not(part: Text) -> Text:
    return f"!({part})" if isinstance(part, str) else not part
