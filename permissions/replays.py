"""Decisions of the log, put to other rules: which of them would turn out otherwise."""

from collections.abc import Iterable, Iterator, Sequence, Set
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
    """`left_out` are decisions whose facts were not kept, `flips` the newest of those that flip."""

    considered: int
    left_out: int
    flipped: int
    flips: Sequence[LoggedFlip]
    kinds: Set[str]
    """Of all that flip."""
    digest: str
    """The same for the same flips, with the rules that decide on both sides."""


class Replaying:
    """What `steps` would have changed, decision by decision."""

    def __init__(self, snapshot: Snapshot, steps: Sequence[Step], kept: int) -> None:
        """`kept`: how many flips are to be told of. Raise `RulesError` for rules that can't be."""
        self._kept: Final = kept
        self._steps: Final = steps
        self._now: Final = snapshot
        self._changed: Final = reduce(lambda rules, step: step.rules(rules), steps, snapshot)
        self._considered = 0
        self._left_out = 0
        self._flipped = 0
        self._flips: Final = list[LoggedFlip]()
        self._kinds: Final = set[str]()
        self._hash: Final = sha256()

    def look(self, records: Iterable[AuditRecord]) -> None:
        """At these, too, which are older."""
        for record in records:
            found = replay(record)
            if found is None:
                self._left_out += 1
            else:
                self._considered += 1
                for flip in self._flip(record, found):
                    self._note(flip)

    @property
    def found(self) -> Replayed:
        """So far."""
        digest = self._hash.hexdigest()
        return Replayed(self._considered, self._left_out, self._flipped, self._flips, self._kinds, digest)

    def _note(self, flip: LoggedFlip) -> None:
        """With its record and its reasons it may take 5 KB: of most only what tells them apart is kept."""
        self._flipped += 1
        self._kinds.add(flip.kind)
        told = [flip.record.decision, _told(flip.before), _told(flip.after), flip.of_list]
        self._hash.update(orjson.dumps(told, default=str))
        if len(self._flips) < self._kept:
            self._flips.append(flip)

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


def unseen(shown: Replayed, later: Replayed) -> Set[str]:
    """What flips `later` in a way of which nothing was `shown`: more of the same is no news."""
    return later.kinds - shown.kinds


def fingerprint(policy: Policy, replayed: Replayed) -> str:
    """The same for the same policy and the same flips."""
    content = [record_of(policy), replayed.considered, replayed.left_out, replayed.digest]
    return sha256(orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _told(decision: Decision) -> list[Any]:
    return [decision.effect, sorted(decision.decided_by)]
