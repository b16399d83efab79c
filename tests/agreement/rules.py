"""Rules at random: up to four roles that inherit, four policies, a strategy for each type of resource."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Env
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.resources import CONVENTIONS
from tests.agreement.conditions import Conditions
from tests.permissions.hostile import LISTS, SCALARS, UNSTORABLE
from tests.permissions.worlds import NOON

GROUP: Final = 100
"""Worlds in a row that share what is stored, and the conditions of which they are made."""
CONDITIONS: Final = 150
ROLES: Final = ("r0", "r1", "r2", "r3")
TYPES: Final = ("conversation", "message", "user", "audit", "permission")
PATTERNS: Final = (
    *("conversation:read", "conversation:read", "conversation:*", "conversation:read_write"),
    *("message:read_metadata", "message:*", "message:read"),
    *("user:list", "user:*", "user:read"),
    *("audit:read", "audit:*"),
    *("permission:read", "*", "*", "*", "*"),
)
STRATEGIES: Final = (*ConflictStrategy, ConflictStrategy.DENY_OVERRIDES, ConflictStrategy.MOST_PERMISSIVE)
MOMENTS: Final = tuple(NOON + timedelta(hours=hours) for hours in (0, 0, 0, -30, 6, 12, 100))


@dataclass(frozen=True, slots=True)
class World:
    """Rules of a moment, and the circumstances."""

    snapshot: Snapshot
    env: Env


@lru_cache(maxsize=2)
def conditions_of(group: int) -> tuple[str, ...]:
    """The conditions of some worlds: to write, check and compile one takes longer than to judge it."""
    conditions = Conditions(random.Random(-1 - group))
    return tuple(conditions.draw() for _ in range(CONDITIONS))


def world(seed: int) -> World:
    """The world of that number, always the same one."""
    chance = random.Random(seed)
    conditions = conditions_of(seed // GROUP)
    conventions = replace(
        CONVENTIONS,
        default=chance.choice(STRATEGIES),
        strategies={type_: chance.choice(STRATEGIES) for type_ in TYPES if chance.random() < 0.5},
    )
    roles, policies = _roles(chance, conditions), _policies(chance, conditions)
    return World(Snapshot(roles, policies, conventions=conventions), Env(_moment(chance), _circumstances(chance)))


def _roles(chance: random.Random, conditions: Sequence[str]) -> list[Role]:
    """Each inherits from some of those before it."""
    return [
        Role(
            name,
            tuple(parent for parent in ROLES[:n] if chance.random() < 0.4),
            tuple(_grant(chance, conditions) for _ in range(chance.randrange(1, 4))),
            chance.choice([None, 1, 2]),
        )
        for n, name in enumerate(ROLES[: chance.randrange(1, 5)])
    ]


def _grant(chance: random.Random, conditions: Sequence[str]) -> Grant:
    return Grant(_effect(chance), chance.choice(PATTERNS), _condition(chance, conditions, 0.5))


def _policies(chance: random.Random, conditions: Sequence[str]) -> list[Policy]:
    return [
        Policy(
            f"p{n}",
            _effect(chance),
            tuple(chance.sample(PATTERNS, chance.randrange(1, 4))),
            _condition(chance, conditions, 0.75),
            _condition(chance, conditions, 0.25),
        )
        for n in range(chance.randrange(1, 5))
    ]


def _effect(chance: random.Random) -> Effect:
    return Effect.ALLOW if chance.random() < 0.75 else Effect.DENY


def _condition(chance: random.Random, conditions: Sequence[str], share: float) -> str | None:
    return chance.choice(conditions) if chance.random() < share else None


def _moment(chance: random.Random) -> datetime:
    return chance.choice(MOMENTS)


def _circumstances(chance: random.Random) -> dict[str, Any]:
    return {"a": chance.choice([*SCALARS, *LISTS, *UNSTORABLE])} if chance.random() < 0.6 else {}
