"""What would change if: flipped decisions, as clients see them."""

from typing import Self

import strawberry

from permissions.actions import Action
from permissions.engine.errors import RulesError
from permissions.questions.simulation import Flip, simulate
from resolvers.admin.asking import asked, at_length
from resolvers.admin.changes import ChangeInput, steps_of
from resolvers.admin.decisions import Decision, PermissionQuestion
from resolvers.admin.replays import LoggedRange, Replay, Window, replay, shown
from resolvers.context import Context
from resolvers.errors import BadInputError, NotFoundError


@strawberry.type(description="A question whose answer becomes another.")
class FlippedDecision:
    """Before and after."""

    question: int = strawberry.field(description="Its place among those that were asked, from 0.")
    action: str
    before: Decision
    after: Decision

    @classmethod
    def of(cls, flip: Flip) -> Self:
        """A flip, as the schema shows it."""
        return cls(
            question=flip.number,
            action=flip.question.action,
            before=Decision.of(flip.before),
            after=Decision.of(flip.after),
        )


@strawberry.type(description="What a change would do to some questions. Nothing is changed.")
class Simulation:
    """The flips alone: what isn't among them stays as it is."""

    asked: int
    flips: list[FlippedDecision]
    over_log: Replay | None = strawberry.field(description="What it would have done to logged decisions, if asked.")


async def simulation(
    context: Context, change: ChangeInput, questions: list[PermissionQuestion], over_log: LoggedRange | None
) -> Simulation:
    """Try `change` on `questions`, and on the log. Raises `BadInputError`, `NotFoundError` and `DeniedError`."""
    if over_log is not None:
        context.access.require_foreseen(Action.AUDIT_READ)
    snapshot = context.access.snapshot
    types = (await context.permissions.ground()).state.known_types
    steps = steps_of(change, snapshot, types)
    found = [await asked(context, each, f"questions.{n}") for n, each in enumerate(questions)]
    for each in found:
        if not each.known:
            raise NotFoundError(each.question.resource.type)
    try:
        # A change of roles has the graph of all roles made anew.
        flips = await at_length(context, lambda: list(simulate(snapshot, steps, [each.question for each in found])))
    except RulesError as error:
        raise BadInputError("change", str(error)) from error
    logged = None if over_log is None else shown(*await replay(context, steps, Window.of(over_log)))
    return Simulation(asked=len(found), flips=[FlippedDecision.of(each) for each in flips], over_log=logged)
