"""Decisions of the log, put to other rules: which of them would turn out otherwise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from models.audit import AuditRecord
from models.policy import Policy
from permissions.audit.replay import replay
from permissions.engine.decision import Decision
from permissions.engine.snapshot import Snapshot
from permissions.questions.question import Question
from permissions.questions.steps import Step
from permissions.state import record_of


@dataclass(frozen=True, slots=True)
class LoggedFlip:
    """A logged decision that would be another. `before` is by the rules of now, for the facts as they were."""

    record: AuditRecord
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class Replayed:
    """`left_out` are decisions whose facts were not kept."""

    considered: int
    left_out: int
    flips: Sequence[LoggedFlip]


def replayed(snapshot: Snapshot, steps: Sequence[Step], records: Iterable[AuditRecord]) -> Replayed:
    """What `steps` would have changed. Raises `RulesError` for rules that can't be."""
    changed = snapshot
    for step in steps:
        changed = step.rules(changed)
    considered, left_out, flips = 0, 0, list[LoggedFlip]()
    for record in records:
        found = replay(record)
        if found is None:
            left_out += 1
            continue
        considered += 1
        asked = found.question
        for step in steps:
            asked = step.asked(asked)
        before, after = _answer(snapshot, found.question, found.ahead), _answer(changed, asked, found.ahead)
        if before.effect is not after.effect:
            flips.append(LoggedFlip(record, before, after))
    return Replayed(considered, left_out, flips)


def _answer(snapshot: Snapshot, question: Question, ahead: bool) -> Decision:
    """As it was asked: about a resource, or whether there may be any."""
    if not ahead:
        return question.decide(snapshot)
    type_ = question.resource.type
    return snapshot.foresee(question.subject, question.action, type_, question.env, question.strategy)


def fingerprint(policy: Policy, replayed: Replayed) -> str:
    """The same for the same policy and the same flips, with the rules that decide on both sides."""
    flips = [[each.record.decision, _told(each.before), _told(each.after)] for each in replayed.flips]
    content = [record_of(policy), replayed.considered, replayed.left_out, flips]
    return sha256(orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _told(decision: Decision) -> list[Any]:
    return [decision.effect, sorted(decision.decided_by)]
