"""The tests of policies, as clients give and see them."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from models.policy_case import CaseResource, CaseSubject, PolicyCase
from models.role import GrantEffect
from permissions.engine.conflicts import ConflictStrategy
from resolvers.admin.free_form import free_form


@strawberry.input(description="A question to the rules, and the answer that is wanted.")
class PolicyTestInput:
    """Run whenever its policy changes: a change that lets it fail is refused."""

    name: str
    subject_id: str | None = strawberry.field(default=None, description="Read as `user.id`.")
    roles: list[str] | None = strawberry.field(default=None, description="Roles that the one who asks would hold.")
    attributes: JSON | None = strawberry.field(default=None, description="Read as `user.…`.")
    action: str
    resource_id: str | None = None
    resource_attributes: JSON | None = strawberry.field(default=None, description="Read as `resource.…`.")
    environment: JSON | None = strawberry.field(default=None, description="Read as `env.…`.")
    at: datetime | None = strawberry.field(default=None, description="The moment of the question; by default now.")
    strategy: ConflictStrategy | None = None
    effect: GrantEffect
    decided_by: list[str] | None = strawberry.field(default=None, description="The rules that must have decided.")

    def stored(self, field: str) -> PolicyCase:
        """As it is stored. Raises `BadInputError`."""
        return PolicyCase(
            name=self.name,
            subject=CaseSubject(
                id=self.subject_id or CaseSubject().id,
                roles=self.roles or [],
                attributes=free_form(self.attributes, f"{field}.attributes"),
            ),
            action=self.action,
            resource=CaseResource(
                id=self.resource_id,
                attributes=free_form(self.resource_attributes, f"{field}.resourceAttributes"),
            ),
            environment=free_form(self.environment, f"{field}.environment"),
            at=self.at,
            strategy=self.strategy.value if self.strategy else None,
            effect=self.effect,
            decided_by=self.decided_by,
        )


@strawberry.type(description="A question to the rules, and the answer that is wanted.")
class PolicyTest:
    """As `PolicyTestInput`."""

    name: str
    subject_id: str
    roles: list[str]
    attributes: JSON
    action: str
    resource_id: str | None
    resource_attributes: JSON
    environment: JSON
    at: datetime | None
    strategy: ConflictStrategy | None
    effect: GrantEffect
    decided_by: list[str] | None

    @classmethod
    def of(cls, case: PolicyCase) -> Self:
        """A stored test, as the schema shows it."""
        return cls(
            name=case.name,
            subject_id=case.subject.id,
            roles=case.subject.roles,
            attributes=JSON(case.subject.attributes),
            action=case.action,
            resource_id=case.resource.id,
            resource_attributes=JSON(case.resource.attributes),
            environment=JSON(case.environment),
            at=case.at,
            strategy=ConflictStrategy(case.strategy) if case.strategy else None,
            effect=case.effect,
            decided_by=case.decided_by,
        )
