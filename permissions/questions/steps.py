"""Changes of a world, one by one: of roles and policies, of who holds what, of attributes, of circumstances."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from permissions.engine.errors import MissingRoleError
from permissions.engine.facts import Assignment, Env, Id, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.snapshot import Snapshot
from permissions.questions.question import Question


class Step(Protocol):
    """Something that could be done."""

    def rules(self, snapshot: Snapshot) -> Snapshot:
        """The rules afterwards. Raises `RulesError`."""

    def asked(self, question: Question) -> Question:
        """The question, were it asked afterwards."""


class _OfRules:
    """Leaves questions as they are."""

    __slots__ = ()

    def asked(self, question: Question) -> Question:
        return question


class _OfQuestions:
    """Leaves rules as they are."""

    __slots__ = ()

    def rules(self, snapshot: Snapshot) -> Snapshot:
        return snapshot


@dataclass(frozen=True, slots=True)
class PutRole(_OfRules):
    """A role that is new, or in place of the one of that name."""

    role: Role

    def rules(self, snapshot: Snapshot) -> Snapshot:
        return snapshot.changed(roles={**snapshot.roles, self.role.name: self.role}.values())


@dataclass(frozen=True, slots=True)
class DeleteRole(_OfRules):
    """A role less; whoever inherits from it does so no more."""

    name: str

    def rules(self, snapshot: Snapshot) -> Snapshot:
        kept = (role for role in snapshot.roles.values() if role.name != self.name)
        return snapshot.changed(roles=[replace(role, inherits=self._without(role.inherits)) for role in kept])

    def _without(self, inherited: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in inherited if name != self.name)


@dataclass(frozen=True, slots=True)
class AddGrant(_OfRules):
    """A grant more for a role that is there, which an earlier step may have ended."""

    role: str
    grant: Grant

    def rules(self, snapshot: Snapshot) -> Snapshot:
        role = _there(snapshot, self.role)
        return PutRole(replace(role, grants=(*role.grants, self.grant))).rules(snapshot)


@dataclass(frozen=True, slots=True)
class RemoveGrants(_OfRules):
    """A role without those of its grants that have this effect on this very action or pattern."""

    role: str
    grant: Grant

    def rules(self, snapshot: Snapshot) -> Snapshot:
        role = _there(snapshot, self.role)
        return PutRole(replace(role, grants=tuple(each for each in role.grants if not self._hits(each)))).rules(
            snapshot
        )

    def _hits(self, other: Grant) -> bool:
        return (other.effect, other.action) == (self.grant.effect, self.grant.action)


@dataclass(frozen=True, slots=True)
class PutPolicy(_OfRules):
    """A policy that is new, or in place of the one of that name."""

    policy: Policy

    def rules(self, snapshot: Snapshot) -> Snapshot:
        return snapshot.changed(policies=[*SwitchOff(self.policy.name).rules(snapshot).policies, self.policy])


@dataclass(frozen=True, slots=True)
class SwitchOff(_OfRules):
    """A policy that counts no more."""

    policy: str

    def rules(self, snapshot: Snapshot) -> Snapshot:
        return snapshot.changed(policies=[each for each in snapshot.policies if each.name != self.policy])


@dataclass(frozen=True, slots=True)
class Assign(_OfQuestions):
    """A role more for somebody."""

    user: Id
    assignment: Assignment

    def asked(self, question: Question) -> Question:
        if question.subject.id != self.user:
            return question
        subject = question.subject
        return replace(question, subject=replace(subject, assignments=(*subject.assignments, self.assignment)))


@dataclass(frozen=True, slots=True)
class Unassign(_OfQuestions):
    """A role less for somebody, however often it was given."""

    user: Id
    role: str

    def asked(self, question: Question) -> Question:
        if question.subject.id != self.user:
            return question
        kept = tuple(each for each in question.subject.assignments if each.role != self.role)
        return replace(question, subject=replace(question.subject, assignments=kept))


@dataclass(frozen=True, slots=True)
class SetAttribute(_OfQuestions):
    """An attribute of somebody."""

    user: Id
    attribute: str
    value: Any

    def asked(self, question: Question) -> Question:
        if question.subject.id != self.user:
            return question
        return replace(question, subject=with_attribute(question.subject, self.attribute, self.value))


@dataclass(frozen=True, slots=True)
class SetCircumstance(_OfQuestions):
    """Where one comes from, and with what. `network` is the range of addresses that would do, if it is one."""

    attribute: str
    value: Any
    network: str | None = None

    def asked(self, question: Question) -> Question:
        env = Env(question.env.time, {**question.env.attributes, self.attribute: self.value})
        return replace(question, env=env)


@dataclass(frozen=True, slots=True)
class WaitUntil(_OfQuestions):
    """The same, later."""

    time: datetime

    def asked(self, question: Question) -> Question:
        return replace(question, env=Env(self.time, question.env.attributes))


class World(NamedTuple):
    """Rules, and a question to them."""

    snapshot: Snapshot
    question: Question

    def after(self, steps: tuple[Step, ...]) -> "World":
        """The same when `steps` are done. Raises `RulesError`."""
        snapshot, question = self
        for step in steps:
            snapshot, question = step.rules(snapshot), step.asked(question)
        return World(snapshot, question)

    def allows(self) -> bool:
        """Whether the answer is yes."""
        return bool(self.question.decide(self.snapshot))


def _there(snapshot: Snapshot, name: str) -> Role:
    """Raises `MissingRoleError`."""
    role = snapshot.roles.get(name)
    if role is None:
        raise MissingRoleError(name)
    return role


def with_attribute(subject: Subject, name: str, value: Any) -> Subject:
    """The subject with another value there."""
    return replace(subject, attributes={**subject.attributes, name: value})
