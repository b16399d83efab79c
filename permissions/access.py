"""One caller, one request, one snapshot: decide, require, filter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from permissions.actions import Action, resource_type
from permissions.authn.errors import UnauthenticatedError
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Id, Resource, Subject
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.errors import DeniedError, EffortError
from permissions.resources import reading

KEPT: Final = 1_000
"""Allowed decisions that wait to be logged; of more only the number is known. Of denials each one waits."""

MOST_EFFORT: Final = 1_000
"""Of one request: so many simple questions about permissions, or fewer that take longer."""


class Taken(NamedTuple):
    """A decision that an answer rests on, with what else it rested on."""

    decision: Decision
    subject: Subject
    env: Env
    strategy: ConflictStrategy
    ahead: bool = False
    """Whether it was taken before any resource was known."""
    known: bool = True
    """Whether there was somebody, and something, to decide about: if not, it can't be asked again."""


@dataclass(slots=True)
class Takings:
    """What was decided since somebody last asked."""

    denied: list[Taken] = field(default_factory=list)
    allowed: list[Taken] = field(default_factory=list)
    missed: int = 0
    """Allowed decisions of which only this number is known."""
    tried: bool = False
    """Whether somebody has tried to store what was denied: it may be there."""

    def __bool__(self) -> bool:
        return bool(self.denied or self.allowed)

    def add(self, taken: Taken) -> None:
        """Keep it, if there is room."""
        if not taken.decision:
            self.denied.append(taken)
        elif len(self.allowed) < KEPT:
            self.allowed.append(taken)
        else:
            self.missed += 1

    def take(self, others: "Takings") -> None:
        """Keep those too."""
        room = KEPT - len(self.allowed)
        self.denied += others.denied
        self.allowed += others.allowed[:room]
        self.missed += others.missed + max(0, len(others.allowed) - room)
        self.tried = self.tried or others.tried


class Access:
    """What a caller may do, as of one moment. Without a subject (nobody is signed in): nothing.

    A question about a resource with an id is decided once: ask of stored resources, not of changed copies. For a
    subscription, make a new one for each event.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        subject: Subject | None,
        env: Env,
        refusal: UnauthenticatedError | None = None,
    ) -> None:
        """`refusal` is why a proof of who asks was not accepted; public fields work all the same."""
        self._snapshot: Final = snapshot
        self._subject: Final = subject
        self._env: Final = env
        self._refusal: Final = refusal
        self._logged: Final[set[int]] = set()
        self._known: Final[dict[tuple[str, str, Id], Decision]] = {}
        self._foreseen: Final[dict[str, Decision]] = {}
        self._listed: Final[set[str]] = set()
        self._missed: Final[set[tuple[str, str, Id]]] = set()
        self._takings = Takings()
        self._effort = 0

    @property
    def snapshot(self) -> Snapshot:
        """The rules that this request goes by."""
        return self._snapshot

    @property
    def subject(self) -> Subject | None:
        """Who asks; None is nobody."""
        return self._subject

    @property
    def env(self) -> Env:
        """The circumstances under which he asks."""
        return self._env

    def decide(self, action: str, resource: Resource) -> Decision:
        """Whether the caller may, and why. Such a decision is logged; see `takings`."""
        if resource.id is None:
            return self._taken(self._ask(action, resource))
        decision = self.consider(action, resource)
        if id(decision) not in self._logged:  # it is kept, so nothing else gets its place in memory
            self._logged.add(id(decision))
            self._taken(decision)
        return decision

    def miss(self, action: str, type_: str, id_: Id) -> None:
        """The caller asked for what isn't there. Logged as the denial of what is: neither takes less time to answer."""
        if self._subject is None or (action, type_, id_) in self._missed:
            return
        self._missed.add((action, type_, id_))
        rules, resource = self._snapshot, Resource(type_, id_)
        decision = Decision(self._subject.id, action, resource, Effect.DENY, (), (), self._env.time, rules.revision)
        self._takings.add(Taken(decision, self._subject, self._env, rules.strategy(type_), known=False))

    def consider(self, action: str, resource: Resource) -> Decision:
        """The same for somebody who only wants to know: nothing is done or refused, so nothing is logged."""
        if resource.id is None:
            return self._ask(action, resource)
        key = (action, resource.type, resource.id)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._ask(action, resource)
        return known

    def note(self, decision: Decision) -> None:
        """Log a decision about the caller that was taken elsewhere, as those that are taken here."""
        self._taken(decision)

    def spend(self, effort: int) -> None:
        """Count what this request has answered, in simple questions. Raises `EffortError` when it is too much."""
        self._effort += effort
        if self._effort > MOST_EFFORT:
            raise EffortError

    @property
    def taken(self) -> bool:
        """Whether anything was decided since `takings` were last asked for."""
        return bool(self._takings)

    @property
    def denials(self) -> int:
        """How many there are among what `takings` will tell."""
        return len(self._takings.denied)

    def takings(self) -> Takings:
        """What was decided since this was last asked, each decision once."""
        takings, self._takings = self._takings, Takings()
        return takings

    def foresee(self, action: str) -> Decision:
        """Whether there may be any resource at all to which the caller may do `action`: the question before loading."""
        known = self._foreseen.get(action)
        if known is None:
            known = self._foreseen[action] = self._taken(self._look_ahead(action), ahead=True)
        return known

    def require(self, action: str, resource: Resource) -> Decision:
        """The decision if it allows; else `UnauthenticatedError` or `DeniedError`."""
        self.require_signed_in()
        decision = self.decide(action, resource)
        if not decision:
            raise DeniedError(decision, visible=self._may_know_of(resource))
        return decision

    def require_foreseen(self, action: str) -> Decision:
        """As `require`, before any resource is known."""
        self.require_signed_in()
        decision = self.foresee(action)
        if not decision:
            raise DeniedError(decision, visible=True)
        return decision

    def require_not_refused(self) -> None:
        """The reason why a proof was not accepted; nothing for a caller who brought none."""
        if self._refusal is not None:
            raise self._refusal

    def require_signed_in(self) -> None:
        """`UnauthenticatedError` if nobody asks."""
        if self._subject is None:
            raise self._refusal or UnauthenticatedError()

    def scopes(self, action: str, type_: str) -> tuple[Mapping[str, Any], ...]:
        """MongoDB filters that together match exactly the stored resources to which the caller may do `action`.

        `()` is none, `({},)` all. Use them as `aggregate([{"$match": indexable}, {"$match": scope}, …])`, where
        `engine.filters.equalities(scope)` is a start for `indexable`.
        """
        if self._subject is None:
            return ()
        self._note_list(self._subject, action, type_)
        return self._snapshot.scopes(self._subject, action, type_, self._env)

    def permitted(self, *resources: Resource) -> list[Action]:
        """The built-in actions that the caller may do to these."""
        return [
            action
            for resource in resources
            for action in Action
            if action.resource_type == resource.type and self.consider(action, resource)
        ]

    def _ask(self, action: str, resource: Resource) -> Decision:
        if self._subject is None:
            return self._nobody(action, resource)
        return self._snapshot.decide(self._subject, action, resource, self._env)

    def _note_list(self, subject: Subject, action: str, type_: str) -> None:
        """What shadow policies would change about a list is logged once a request, and not for each thing in it."""
        if action in self._listed:
            return
        self._listed.add(action)
        found = self._snapshot.foresee_list(subject, action, type_, self._env)
        guarded = self._foreseen.get(action)
        if found is not None and not (guarded and guarded.shadow == found.shadow):
            self._taken(found, ahead=True)

    def _taken(self, decision: Decision, *, ahead: bool = False) -> Decision:
        if self._subject is not None:
            strategy = self._snapshot.strategy(decision.resource.type)
            self._takings.add(Taken(decision, self._subject, self._env, strategy, ahead))
        return decision

    def _look_ahead(self, action: str) -> Decision:
        type_ = resource_type(action)
        if self._subject is None:
            return self._nobody(action, Resource(type_))
        return self._snapshot.foresee(self._subject, action, type_, self._env)

    def _nobody(self, action: str, resource: Resource) -> Decision:
        return Decision(None, action, resource, Effect.DENY, (), (), self._env.time, self._snapshot.revision)

    def _may_know_of(self, resource: Resource) -> bool:
        """Of what has no id there is nothing to hide."""
        if resource.id is None:
            return True
        question = reading(resource)
        return question is not None and bool(self.consider(*question))
