"""Effective permissions, as clients see them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

import strawberry

from models.role import GrantEffect
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment
from permissions.questions import effective
from permissions.questions.effective import PermissionEffect
from permissions.questions.paths import Path as Way
from resolvers.account.types import User
from resolvers.pagination import PageInfo

strawberry.enum(
    PermissionEffect,
    description="`CONDITIONAL`: for the resources, and under the circumstances, that `condition` tells.",
)


@strawberry.type(description="When a role is held; limits that are null are open.")
class PathValidity:
    """An assignment's limits."""

    valid_from: datetime | None
    valid_until: datetime | None
    window: str | None = strawberry.field(description="Weekly hours, where it holds only then.")

    @classmethod
    def of(cls, assignment: Assignment) -> Self:
        """An assignment's, whichever end comes first."""
        ends = [end for end in (assignment.valid_until, assignment.ended_at) if end is not None]
        window = assignment.window.text if assignment.window else None
        return cls(valid_from=assignment.valid_from, valid_until=min(ends, default=None), window=window)


@strawberry.type(description="A way by which a rule came to somebody.")
class PermissionPath:
    """Role by role, or a policy."""

    steps: list[str] = strawberry.field(
        description="From the role that was assigned down to the one that grants; or `policy …` alone."
    )
    validity: list[PathValidity] = strawberry.field(description="Of each assignment of the first role.")

    @classmethod
    def of(cls, path: Way) -> Self:
        """A path, as the schema shows it."""
        return cls(steps=list(path.steps), validity=[PathValidity.of(each) for each in path.assignments])


@strawberry.type(description="A rule that speaks of an action.")
class EffectiveRule:
    """A grant or a policy, with the ways by which it came."""

    rule: str
    effect: GrantEffect
    condition: str | None
    certain: bool = strawberry.field(description="Whether it counts for every resource.")
    paths: list[PermissionPath]

    @classmethod
    def of(cls, rule: effective.EffectiveRule) -> Self:
        """A rule, as the schema shows it."""
        return cls(
            rule=rule.rule.id,
            effect=GrantEffect(rule.rule.effect),
            condition=rule.rule.origin.text,
            certain=rule.certain,
            paths=[PermissionPath.of(path) for path in rule.paths],
        )


@strawberry.type(description="What becomes of an action, and why.")
class EffectivePermission:
    """One action."""

    action: str
    effect: PermissionEffect
    condition: str | None = strawberry.field(description="Under which it is allowed, where that depends.")
    via: list[list[str]] = strawberry.field(
        description="Each path by which the effect came, role by role; none where no rule speaks, which denies."
    )
    rules: list[EffectiveRule] = strawberry.field(description="Every rule that may count, those that lost too.")

    @classmethod
    def of(cls, permission: effective.EffectivePermission) -> Self:
        """A permission, as the schema shows it."""
        return cls(
            action=permission.action,
            effect=permission.effect,
            condition=permission.condition,
            via=steps(permission.via),
            rules=[EffectiveRule.of(each) for each in permission.rules],
        )


@strawberry.type(description="All that somebody may do, flattened.")
class EffectivePermissions:
    """Of one account, at one moment."""

    user: User
    at: datetime
    strategy: ConflictStrategy | None = strawberry.field(
        description="The one that was asked for; null is for each type of resource the one that holds for it."
    )
    permissions: list[EffectivePermission] = strawberry.field(
        description="Every known action, by name: a page of them."
    )
    page_info: PageInfo


def steps(paths: Iterable[Way]) -> list[list[str]]:
    """The bare ways, each once."""
    return [list(each) for each in dict.fromkeys(path.steps for path in paths)]
