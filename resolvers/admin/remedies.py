"""Remedies in words and data."""

from datetime import datetime
from enum import StrEnum
from functools import singledispatch
from typing import Any, Self

import strawberry
from bson import ObjectId
from strawberry.scalars import JSON

from permissions.engine.facts import Subject
from permissions.questions.remedies import Remedy as Found
from permissions.questions.steps import Assign, SetAttribute, SetCircumstance, Step, SwitchOff, Unassign, WaitUntil
from resolvers.ids import encode


class RemedyKind(StrEnum):
    """What would have to change."""

    ASSIGN_ROLE = "assign_role"
    END_ROLE = "end_role"
    SET_ATTRIBUTE = "set_attribute"
    WAIT = "wait"
    COME_FROM = "come_from"
    SET_CIRCUMSTANCE = "set_circumstance"
    SWITCH_POLICY_OFF = "switch_policy_off"
    COMBINED = "combined"


strawberry.enum(RemedyKind, description="What would have to change.")


@strawberry.type(description="One thing to do. What does not go with its kind is null.")
class RemedyStep:
    """One of a remedy's steps."""

    kind: RemedyKind
    description: str
    role: str | None = None
    attribute: str | None = None
    value: JSON | None = strawberry.field(default=None, description="What the attribute would be.")
    time: datetime | None = strawberry.field(default=None, description="Until when to wait.")
    network: str | None = None
    policy: str | None = None


@strawberry.type(description="A smallest change that would make it allowed; the engine has confirmed it.")
class Remedy:
    """Steps that have to be taken together."""

    description: str
    kind: RemedyKind
    steps: list[RemedyStep]

    @classmethod
    def of(cls, remedy: Found, subject: Subject) -> Self:
        """A remedy for `subject`, as the schema shows it."""
        steps = [_step_of(step, subject) for step in remedy.steps]
        kind = steps[0].kind if len(steps) == 1 else RemedyKind.COMBINED
        return cls(description=" and ".join(step.description for step in steps), kind=kind, steps=steps)


@singledispatch
def _step_of(step: Step, subject: Subject) -> RemedyStep:
    raise NotImplementedError(type(step).__name__)


@_step_of.register
def _(step: Assign, subject: Subject) -> RemedyStep:
    role = step.assignment.role
    return RemedyStep(kind=RemedyKind.ASSIGN_ROLE, description=f"assign role `{role}`", role=role)


@_step_of.register
def _(step: Unassign, subject: Subject) -> RemedyStep:
    return RemedyStep(kind=RemedyKind.END_ROLE, description=f"end the assignment of role `{step.role}`", role=step.role)


@_step_of.register
def _(step: SetAttribute, subject: Subject) -> RemedyStep:
    now = subject.attributes.get(step.attribute)
    return RemedyStep(
        kind=RemedyKind.SET_ATTRIBUTE,
        description=f"{_verb(now, step.value)} `{step.attribute}` to {_shown(step.value)}",
        attribute=step.attribute,
        value=JSON(_json(step.value)),
    )


@_step_of.register
def _(step: SetCircumstance, subject: Subject) -> RemedyStep:
    if step.network is not None:
        return RemedyStep(kind=RemedyKind.COME_FROM, description=f"come from {step.network}", network=step.network)
    return RemedyStep(
        kind=RemedyKind.SET_CIRCUMSTANCE,
        description=f"ask with `env.{step.attribute}` = {_shown(step.value)}",
        attribute=step.attribute,
        value=JSON(_json(step.value)),
    )


@_step_of.register
def _(step: WaitUntil, subject: Subject) -> RemedyStep:
    until = step.time.isoformat().replace("+00:00", "Z")
    return RemedyStep(kind=RemedyKind.WAIT, description=f"wait until {until}", time=step.time)


@_step_of.register
def _(step: SwitchOff, subject: Subject) -> RemedyStep:
    description = f"switch policy `{step.policy}` off"
    return RemedyStep(kind=RemedyKind.SWITCH_POLICY_OFF, description=description, policy=step.policy)


def _verb(now: object, then: object) -> str:
    if isinstance(now, int | float) and isinstance(then, int | float) and now != then:
        return "raise" if then > now else "lower"
    return "set"


def _shown(value: Any) -> str:
    shown = _json(value)
    return f"`{shown}`" if isinstance(shown, str) else str(shown)


def _json(value: Any) -> Any:
    """As JSON can say it: an id as that of an account, which most ids in attributes are."""
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, ObjectId):
        return encode("User", value)
    return value.isoformat() if isinstance(value, datetime) else value
