"""Decisions of the log, put to other rules: which of them would turn out otherwise."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import Any, Final

import orjson

from models.audit import AuditRecord
from models.policy import Policy
from permissions.audit.replay import Replay, replay
from permissions.engine.decision import Decision
from permissions.engine.errors import UnlistableError
from permissions.engine.snapshot import Snapshot
from permissions.questions.question import Question
from permissions.questions.steps import Step
from permissions.state import record_of


@dataclass(frozen=True, slots=True)
class LoggedFlip:
    """A logged decision that would be another. `before` is by the rules of now, for the facts as they were.

    `of_list` tells of a list whose filter would be another, though there may still be something to list.
    """

    record: AuditRecord
    before: Decision
    after: Decision
    of_list: bool = False

    @property
    def kind(self) -> str:
        """The same for what flips alike: the action, which way, and by which rules."""
        told = [self.record.action, _told(self.before), _told(self.after), self.of_list]
        return orjson.dumps(told, default=str).decode()


@dataclass(frozen=True, slots=True)
class Replayed:
    """`left_out` are decisions whose facts were not kept."""

    considered: int
    left_out: int
    flips: Sequence[LoggedFlip]


class Replaying:
    """What `steps` would have changed, decision by decision."""

    def __init__(self, snapshot: Snapshot, steps: Sequence[Step]) -> None:
        """Raise `RulesError` for rules that can't be."""
        self._steps: Final = steps
        self._now: Final = snapshot
        self._changed: Final = reduce(lambda rules, step: step.rules(rules), steps, snapshot)
        self._considered = 0
        self._left_out = 0
        self._flips: Final = list[LoggedFlip]()

    def look(self, records: Iterable[AuditRecord]) -> None:
        """At these, too. Of those that don't flip nothing is kept."""
        for record in records:
            found = replay(record)
            if found is None:
                self._left_out += 1
            else:
                self._considered += 1
                self._flips.extend(self._flip(record, found))

    @property
    def found(self) -> Replayed:
        """So far."""
        return Replayed(self._considered, self._left_out, self._flips)

    def _flip(self, record: AuditRecord, found: Replay) -> Iterator[LoggedFlip]:
        """One at most."""
        asked = found.question
        for step in self._steps:
            asked = step.asked(asked)
        before, after = _answer(self._now, found.question, found.ahead), _answer(self._changed, asked, found.ahead)
        if before.effect is not after.effect:
            yield LoggedFlip(record, before, after)
        elif found.ahead and record.shadow and _filter(self._now, found.question) != _filter(self._changed, asked):
            yield LoggedFlip(record, before, after, of_list=True)


def _answer(snapshot: Snapshot, question: Question, ahead: bool) -> Decision:
    """As it was asked: about a resource, or whether there may be any."""
    if not ahead:
        return question.decide(snapshot)
    type_ = question.resource.type
    return snapshot.foresee(question.subject, question.action, type_, question.env, question.strategy)


def _filter(snapshot: Snapshot, question: Question) -> frozenset[str]:
    """What would be listed, as a text. Only lists that a shadow policy would change are in the log."""
    type_ = question.resource.type
    try:
        scopes = snapshot.scopes(question.subject, question.action, type_, question.env, question.strategy)
    except UnlistableError:
        return frozenset()
    return frozenset(map(repr, scopes))


def unseen(shown: Replayed, later: Replayed) -> list[LoggedFlip]:
    """What flips `later` in a way of which nothing was `shown`: more of the same is no news."""
    known = {each.kind for each in shown.flips}
    return [each for each in later.flips if each.kind not in known]


def fingerprint(policy: Policy, replayed: Replayed) -> str:
    """The same for the same policy and the same flips, with the rules that decide on both sides."""
    flips = [[each.record.decision, _told(each.before), _told(each.after), each.of_list] for each in replayed.flips]
    content = [record_of(policy), replayed.considered, replayed.left_out, flips]
    return sha256(orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _told(decision: Decision) -> list[Any]:
    return [decision.effect, sorted(decision.decided_by)]
