"""A decision: a value that explains itself and is falsy when it denies."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from permissions.engine.facts import Id, Resource
from permissions.engine.rules import Effect, Reason


@dataclass(slots=True)
class Decision:
    """The answer to one question, with every rule considered.

    `decided_by` names the rules that decided. A denial is explicit if a rule denied, implicit if none allowed.
    `revision` is that of the rules, `at` the moment that was asked about. `shadow` names the shadow policies each of
    which, were it enforced, would turn this decision round.

    INVARIANT: nothing changes one once it is made. It isn't frozen because that alone would take as long as deciding.
    """

    subject_id: Id | None
    action: str
    resource: Resource
    effect: Effect
    decided_by: tuple[str, ...]
    reasons: tuple[Reason, ...]
    at: datetime
    revision: str
    shadow: tuple[str, ...] = field(default=(), init=False, compare=False)
    _id: str | None = field(default=None, init=False, compare=False, repr=False)

    def __bool__(self) -> bool:
        return self.effect is Effect.ALLOW

    @property
    def id(self) -> str:
        """Given when first asked for: most decisions are never named."""
        if self._id is None:
            self._id = secrets.token_hex(16)
        return self._id

    @property
    def explicit(self) -> bool:
        """Whether a rule said so."""
        return bool(self.decided_by)

    @property
    def reason(self) -> str:
        """The decision in a sentence, without any attribute's value."""
        if not self.explicit:
            return "denied: no rule allows it"
        return f"{'allowed' if self else 'denied'} by {', '.join(self.decided_by)}"
