"""What a change costs, to order them: first what the asker can do alone, last what changes the rules for everybody."""

from collections.abc import Iterable
from datetime import timedelta
from functools import singledispatch
from typing import Final

from permissions.engine.snapshot import Snapshot
from permissions.questions.steps import (
    Assign,
    SetAttribute,
    SetCircumstance,
    Step,
    SwitchOff,
    Unassign,
    WaitUntil,
    World,
)

A_DAY: Final = timedelta(days=1)
MOST_POWER: Final = 250
WEIGHT: Final = 50
"""Actions that a role gives beyond what is wanted, and that weigh as one change more."""
WIDTHS: Final = {"*": 100, ":*": 10}
"""Actions that a pattern counts for, by how it ends."""


def cost(world: World, steps: Iterable[Step]) -> float:
    """Together: two small changes cost more than any one of them."""
    return sum(_cost(step, world) for step in steps)


def power(snapshot: Snapshot, role: str) -> int:
    """How much a role gives, roughly, `MOST_POWER` at most: the least that does is to be preferred."""
    power = 0
    for each in snapshot.graph.closure(role):
        power += sum(_width(grant.action) for grant in snapshot.roles[each].grants)
        if power >= MOST_POWER:  # thousands of roles may follow
            return MOST_POWER
    return power


def _width(pattern: str) -> int:
    return next((width for end, width in WIDTHS.items() if _ends(pattern, end)), 1)


def _ends(action: str, end: str) -> bool:
    return action == end if end == "*" else action.endswith(end)


@singledispatch
def _cost(step: Step, world: World) -> float:
    raise NotImplementedError(type(step).__name__)


@_cost.register
def _(step: SetCircumstance, world: World) -> float:
    return 1


@_cost.register
def _(step: WaitUntil, world: World) -> float:
    days = (step.time - world.question.env.time) / A_DAY
    return 1.5 + min(days, 10)


@_cost.register
def _(step: SetAttribute, world: World) -> float:
    return 2


@_cost.register
def _(step: Assign, world: World) -> float:
    return 3 + power(world.snapshot, step.assignment.role) / WEIGHT


@_cost.register
def _(step: Unassign, world: World) -> float:
    return 4


@_cost.register
def _(step: SwitchOff, world: World) -> float:
    return 8
