"""What a decision rests on: who, what, and the circumstances. Small values, gathered by whoever has I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from bson import ObjectId

from models.clock import stored
from permissions.engine.windows import Window

Id = ObjectId | str
"""Stored ids are `ObjectId`; a condition compares ids of one kind only."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role that is held from `valid_from` (inclusive) until `valid_until` or `ended_at` (exclusive).

    If it has a window, then only while that is open.
    """

    role: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    ended_at: datetime | None = None
    window: Window | None = None

    @property
    def unlimited(self) -> bool:
        """Whether it holds whenever one asks."""
        limits = (self.valid_from, self.valid_until, self.ended_at, self.window)
        return all(limit is None for limit in limits)

    def holds(self, at: datetime) -> bool:
        """Whether the role is held at that moment."""
        return (
            (self.valid_from is None or self.valid_from <= at)
            and (self.valid_until is None or at < self.valid_until)
            and (self.ended_at is None or at < self.ended_at)
            and (self.window is None or self.window.open(at))
        )


@dataclass(frozen=True)
class Subject:
    """Who asks: assignments past, present and future, and the attributes that conditions read as `user.…`."""

    id: Id
    assignments: tuple[Assignment, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _always(self) -> tuple[str, ...] | None:
        """The roles, when none of them has a limit in time: the common case, and the quick one."""
        if all(assignment.unlimited for assignment in self.assignments):
            return _unique(assignment.role for assignment in self.assignments)
        return None

    def roles_at(self, at: datetime) -> tuple[str, ...]:
        """Roles held at that moment, each once, sorted; inherited ones are not among them."""
        if self._always is not None:
            return self._always
        return _unique(assignment.role for assignment in self.assignments if assignment.holds(at))


def _unique(roles: Any) -> tuple[str, ...]:
    return tuple(sorted(set(roles)))


class Share(NamedTuple):
    """What one user (`user:<id>`), or the holders of one role (`role:<name>`), may do with a resource."""

    grantee: str
    writes: bool
    until: datetime
    """Exclusive."""
    branch: str | None = None
    """The only part of it that is shared; None is all of it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked about. Without an id it stands for all of its type, or for one that is yet to be made.

    `shares` are no attribute: nobody can name, or forge, them as one.
    """

    type: str
    id: Id | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Env:
    """The circumstances: the moment, and whatever else conditions read as `env.…` (ip, device, session_age)."""

    time: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # MongoDB keeps milliseconds: a finer clock here would make a list differ from a check.
        object.__setattr__(self, "time", stored(self.time))


class Facts(NamedTuple):
    """All of it, as conditions read it. `roles` are those held, with the inherited ones.

    `bound` are the elements that an `exists` or `all` is at, the outermost first.
    """

    subject: Subject
    roles: tuple[str, ...]
    resource: Resource
    env: Env
    bound: tuple[Any, ...] = ()
