"""Decisions, in the words of AuthZEN."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from api.authzen.bodies import BadRequestError
from api.authzen.facts import Facts, Gatherer
from api.authzen.questions import Batch, Evaluation, Semantic
from permissions.access import Access, Taken, Takings
from permissions.actions import Action
from permissions.engine.decision import Decision
from permissions.engine.facts import Resource, Subject
from permissions.resources import PERMISSION

Answer = dict[str, Any]


class Desk:
    """Answers one request, by one snapshot of the rules. `access` is the asking service's own."""

    def __init__(self, access: Access, gatherer: Gatherer) -> None:
        self._access: Final = access
        self._gatherer: Final = gatherer
        self._explains: Final = bool(access.consider(Action.PERMISSION_READ, Resource(PERMISSION)))
        self.takings: Final = Takings()

    async def evaluate(self, asked: Evaluation) -> Answer:
        """One decision."""
        return self._answer(self._decided(await self._gatherer.facts(asked)))

    async def evaluate_all(self, batch: Batch) -> Answer:
        """Decisions in the order of the questions, up to the one that ends the batch."""
        gathered = await asyncio.gather(*map(self._gathered, batch.evaluations))
        return {"evaluations": self._answers(gathered, batch.semantic)}

    def _answers(self, gathered: Sequence[Facts | BadRequestError], semantic: Semantic) -> list[Answer]:
        answers: list[Answer] = []
        for each in gathered:
            answers.append(_refused(each) if isinstance(each, BadRequestError) else self._answer(self._decided(each)))
            if semantic.ends(answers[-1]["decision"]):
                answers[-1]["context"]["reason"] = semantic.value
                break
        return answers

    async def _gathered(self, asked: Evaluation | BadRequestError) -> Facts | BadRequestError:
        return asked if isinstance(asked, BadRequestError) else await self._gatherer.facts(asked)

    def _decided(self, facts: Facts) -> Decision:
        """The decision; it is logged. What there isn't is denied as it would be to nobody, and looks the same."""
        subject, action, resource = facts.subject, facts.action, facts.resource
        if subject is None or action is None or resource is None:
            return self._unknown(Access(self._access.snapshot, None, facts.env), action, resource)
        # Each its own: a batch may tell different properties of one resource.
        access = Access(self._access.snapshot, subject, facts.env)
        decision = access.decide(action, resource)
        self.takings.take(access.takings())
        return decision

    def _unknown(self, nobody: Access, action: str | None, resource: Resource | None) -> Decision:
        """Logged as any denial is, so that it takes as long: how long it takes must not tell who is there."""
        decision = nobody.consider(action or "", resource or Resource(""))
        strategy = nobody.snapshot.strategy(decision.resource.type)
        self.takings.add(Taken(decision, Subject(""), nobody.env, strategy, known=False))
        return decision

    def _answer(self, decision: Decision) -> Answer:
        """Which rules decided is for those only who may ask what others may do, and why."""
        context: Answer = {"id": decision.id, "reason_user": {"en": "allowed" if decision else "not allowed"}}
        if self._explains:
            context["reason_admin"] = {"en": decision.reason}
        return {"decision": bool(decision), "context": context}


def _refused(error: BadRequestError) -> Answer:
    return {"decision": False, "context": {"error": {"status": 400, "message": str(error)}}}
