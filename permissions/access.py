"""One caller, one request, one snapshot: decide, require, filter."""

from collections.abc import Mapping
from typing import Any, Final

from permissions.actions import Action, resource_type
from permissions.authn.errors import UnauthenticatedError
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Id, Resource, Subject
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.errors import DeniedError
from permissions.resources import reading


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
        self._decisions: Final[dict[tuple[str, str, Id], Decision]] = {}
        self._foreseen: Final[dict[str, Decision]] = {}

    def decide(self, action: str, resource: Resource) -> Decision:
        """Whether the caller may, and why."""
        if resource.id is None:
            return self._ask(action, resource)
        key = (action, resource.type, resource.id)
        known = self._decisions.get(key)
        if known is None:
            known = self._decisions[key] = self._ask(action, resource)
        return known

    def foresee(self, action: str) -> Decision:
        """Whether there may be any resource at all to which the caller may do `action`: the question before loading."""
        known = self._foreseen.get(action)
        if known is None:
            known = self._foreseen[action] = self._look_ahead(action)
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
        return self._snapshot.scopes(self._subject, action, type_, self._env)

    def permitted(self, *resources: Resource) -> list[Action]:
        """The built-in actions that the caller may do to these."""
        return [
            action
            for resource in resources
            for action in Action
            if action.resource_type == resource.type and self.decide(action, resource)
        ]

    def _ask(self, action: str, resource: Resource) -> Decision:
        if self._subject is None:
            return self._nobody(action, resource)
        return self._snapshot.decide(self._subject, action, resource, self._env)

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
        return question is not None and bool(self.decide(*question))
