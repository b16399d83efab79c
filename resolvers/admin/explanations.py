"""Explanations, as clients see them."""

from typing import Self

import strawberry

from models.role import GrantEffect
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.rules import Outcome
from permissions.questions.explanation import MOST_ENTRIES, Entry, explain
from permissions.questions.remedies import remedies
from permissions.questions.steps import World
from resolvers.admin.asking import Asked
from resolvers.admin.decisions import Decision
from resolvers.admin.effective import PermissionPath
from resolvers.admin.remedies import Remedy

strawberry.enum(Outcome, description="What became of a rule.", name="RuleOutcome")

NOT_TOLD = "There is no such thing, or you may not know of it."


@strawberry.type(description="A rule that was asked, and what became of it.")
class TraceEntry:
    """One of those that a decision considered."""

    rule: str
    effect: GrantEffect
    outcome: Outcome
    decided: bool = strawberry.field(description="Whether the decision rests on it.")
    condition: str | None
    detail: str = strawberry.field(
        description="What was compared with what. Values that you may not read are shown as `hidden`."
    )
    paths: list[PermissionPath]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """An entry, as the schema shows it."""
        return cls(
            rule=entry.rule,
            effect=GrantEffect(entry.effect),
            outcome=entry.outcome,
            decided=entry.decided,
            condition=entry.condition,
            detail=entry.detail,
            paths=[PermissionPath.of(path) for path in entry.paths],
        )


@strawberry.type(description="Why a decision is as it is, and what would turn a denial round.")
class Explanation:
    """The whole trace, in data and in words."""

    decision: Decision
    strategy: ConflictStrategy
    roles_held: list[str] = strawberry.field(description="At the moment in question.")
    roles_inherited: list[str]
    trace: list[TraceEntry] = strawberry.field(
        description=f"The rules that speak of the action, {MOST_ENTRIES} at most."
    )
    words: list[str] = strawberry.field(description="The same in sentences.")
    remedies: list[Remedy] = strawberry.field(
        description="The smallest changes that would make it allowed, three at most, cheapest first, each confirmed "
        "by the engine. They name only what you may see."
    )

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Of a question; of what the asker may not know of, nothing but that."""
        decision, question = asked.decide(), asked.question
        explained = explain(asked.snapshot, question, asked.sight, decision)
        found = remedies(World(asked.snapshot, question), asked.sight) if asked.known else []
        return cls(
            decision=Decision.of(decision),
            strategy=explained.strategy,
            roles_held=list(explained.held),
            roles_inherited=list(explained.inherited),
            trace=[TraceEntry.of(entry) for entry in explained.trace],
            words=explained.words if asked.known else [NOT_TOLD],
            remedies=[Remedy.of(each, question.subject) for each in found],
        )
