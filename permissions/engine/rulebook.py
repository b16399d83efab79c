"""From roles and policies as data to rules, indexed by the actions they speak of."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final

from permissions.actions import resource_type
from permissions.engine.cel.compile import compiled_closed
from permissions.engine.conditions import AllOf, Condition, Not
from permissions.engine.errors import ActionPatternError
from permissions.engine.rules import Effect, Origin, Rule

PATTERN: Final = re.compile(r"\*|[a-z][a-z0-9_]{0,63}:(\*|[a-z][a-z0-9_]{0,63})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role says of the actions that fit `action`; the condition is CEL text."""

    effect: Effect
    action: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role as data. The lower its priority the more it counts, under the strategy that asks for priorities."""

    name: str
    inherits: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as data: it speaks where `when` holds and `unless` doesn't, both CEL text."""

    name: str
    effect: Effect
    actions: tuple[str, ...]
    when: str | None = None
    unless: str | None = None


class RuleIndex:
    """Rules by the pattern of actions under which they stand."""

    def __init__(self, rules: Iterable[tuple[str, Rule]] = ()) -> None:
        self._by_pattern: Final[dict[str, list[Rule]]] = defaultdict(list)
        for pattern, rule in rules:
            self._by_pattern[checked(pattern)].append(rule)

    def __iter__(self) -> Iterator[Rule]:
        """All of them; one that stands under several patterns comes as often."""
        return (rule for rules in self._by_pattern.values() for rule in rules)

    def of(self, action: str, levels: Iterable[str] = ()) -> list[Rule]:
        """Every rule that speaks of `action`, or of one of the levels that contain it, each once."""
        found = (rule for pattern in patterns(action, levels) for rule in self._by_pattern.get(pattern, ()))
        return list(dict.fromkeys(found))


def patterns(action: str, levels: Iterable[str] = ()) -> tuple[str, ...]:
    """Whatever a rule may name that speaks of `action`: itself, the levels that contain it, and what is wider."""
    return (action, *levels, f"{resource_type(action)}:*", "*")


def checked(pattern: str) -> str:
    """The pattern itself, or `ActionPatternError`."""
    if not PATTERN.fullmatch(pattern):
        raise ActionPatternError(pattern)
    return pattern


def rules_of_role(role: Role) -> Iterator[tuple[str, Rule]]:
    """Each grant's rule. Its id tells role, effect and action, and a number where those repeat."""
    seen: dict[str, int] = defaultdict(int)
    for grant in role.grants:
        name = f"role {role.name}: {grant.effect} {grant.action}"
        seen[name] += 1
        number = f" ({seen[name]})" if seen[name] > 1 else ""
        condition = None if grant.condition is None else compiled_closed(grant.condition)
        rank = inf if role.priority is None else role.priority
        origin = Origin(role=role.name, text=grant.condition)
        yield grant.action, Rule(name + number, grant.effect, condition, rank, origin)


def rules_of_policy(policy: Policy) -> Iterator[tuple[str, Rule]]:
    """One rule, under each of its actions.

    Policies hold whoever asks. So where priorities decide, one that denies comes before every role, and one that allows
    with the roles that have no number.
    """
    rank = -inf if policy.effect is Effect.DENY else inf
    origin = Origin(policy=policy.name, text=_policy_text(policy))
    rule = Rule(f"policy {policy.name}", policy.effect, _condition(policy), rank, origin)
    for action in policy.actions:
        yield action, rule


def _condition(policy: Policy) -> Condition | None:
    parts: list[Condition] = []
    if policy.when is not None:
        parts.append(compiled_closed(policy.when))
    if policy.unless is not None:
        parts.append(Not(compiled_closed(policy.unless)))
    return AllOf(tuple(parts)) if len(parts) > 1 else next(iter(parts), None)


def _policy_text(policy: Policy) -> str | None:
    when, unless = policy.when, policy.unless
    if unless is None:
        return when
    return f"!({unless})" if when is None else f"({when}) && !({unless})"
