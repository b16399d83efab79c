"""Who may do this to that: each with the ways by which he may. It asks the engine, and so agrees with it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from permissions.engine.decision import Decision
from permissions.engine.facts import Id, Subject
from permissions.engine.snapshot import Snapshot
from permissions.questions.paths import Path, Paths
from permissions.questions.question import Question

MOST_EXAMINED: Final = 10_000
"""Subjects asked about for one page. Where so many give none, the page is short, and the next one goes on there."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may."""

    subject: Subject
    decision: Decision
    via: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class HolderPage:
    """`last` is the last subject asked about, where the next page goes on if there is `more`."""

    holders: tuple[Holder, ...]
    last: Id | None
    more: bool


async def holders(
    snapshot: Snapshot, subjects: AsyncIterator[Subject], asked: Question, size: int, most: int = MOST_EXAMINED
) -> HolderPage:
    """A page of those among `subjects` who may do what `asked` asks for its own subject. They come in order.

    It looks past a full page for one who comes after it: `more` without any is told only after `most` subjects.
    """
    found: list[Holder] = []
    last: Id | None = None
    examined = 0
    async for subject in subjects:
        if examined >= most:
            return HolderPage(tuple(found), last, more=True)
        holder = holding(snapshot, replace(asked, subject=subject))
        if holder and len(found) >= size:
            return HolderPage(tuple(found), last, more=True)
        found += [holder] if holder else []
        last, examined = subject.id, examined + 1
    return HolderPage(tuple(found), last, more=False)


def holding(snapshot: Snapshot, question: Question) -> Holder | None:
    """The subject with the ways, if he may."""
    decision = question.decide(snapshot)
    return Holder(question.subject, decision, ways(snapshot, question, decision)) if decision else None


def ways(snapshot: Snapshot, question: Question, decision: Decision) -> tuple[Path, ...]:
    """The ways by which the rules that decided came."""
    held, deciding = question.subject.roles_at(question.env.time), set(decision.decided_by)
    rules = [reason.rule for reason in decision.reasons if reason.rule.id in deciding and reason.counts]
    paths = Paths(snapshot, question.subject, held)
    return tuple(path for rule in rules for path in paths.of(rule))
