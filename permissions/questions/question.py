"""A question as a value: may this one do that to this, under these circumstances?"""

from dataclasses import dataclass

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.plans import Plan
from permissions.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Question:
    """`strategy` None is the one that holds for the resource's type."""

    subject: Subject
    action: str
    resource: Resource
    env: Env
    strategy: ConflictStrategy | None = None

    def decide(self, snapshot: Snapshot) -> Decision:
        """The answer."""
        return snapshot.decide(self.subject, self.action, self.resource, self.env, self.strategy)

    def settled_by(self, snapshot: Snapshot) -> ConflictStrategy:
        """The strategy that ends conflicts here."""
        return self.strategy or snapshot.strategy(self.resource.type)

    def plan(self, snapshot: Snapshot) -> Plan:
        """The rules that are asked."""
        return snapshot.plan(self.subject.roles_at(self.env.time), self.action)

    def facts(self, snapshot: Snapshot) -> Facts:
        """What conditions read."""
        return Facts(self.subject, self.plan(snapshot).roles, self.resource, self.env)
