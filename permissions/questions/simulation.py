"""What would change if: a change of rules or assignments, tried on questions; every decision that flips."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from permissions.engine.decision import Decision
from permissions.engine.snapshot import Snapshot
from permissions.questions.question import Question
from permissions.questions.steps import Step


@dataclass(frozen=True, slots=True)
class Flip:
    """A question whose answer becomes another; `number` is its place among those asked, from 0."""

    number: int
    question: Question
    before: Decision
    after: Decision


def simulate(snapshot: Snapshot, steps: Iterable[Step], questions: Iterable[Question]) -> Iterator[Flip]:
    """The flips, as they are found: questions may be very many. Raises `RulesError` for rules that can't be."""
    steps, changed = tuple(steps), snapshot
    for step in steps:
        changed = step.rules(changed)
    return _flips(snapshot, changed, steps, questions)


def _flips(
    snapshot: Snapshot, changed: Snapshot, steps: tuple[Step, ...], questions: Iterable[Question]
) -> Iterator[Flip]:
    for number, question in enumerate(questions):
        asked = question
        for step in steps:
            asked = step.asked(asked)
        before, after = question.decide(snapshot), asked.decide(changed)
        if before.effect is not after.effect:
            yield Flip(number, question, before, after)
