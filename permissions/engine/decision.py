"""A decision: a value that explains itself and is falsy when it denies."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from permissions.engine.facts import Id, Resource
from permissions.engine.rules import Effect, Reason


@dataclass(frozen=True)
class Decision:
    """The answer to one question, with every rule considered.

    `decided_by` names the rules that decided. A denial is explicit if a rule denied, implicit if none allowed.
    `revision` is that of the rules, `at` the moment that was asked about.
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
    """The shadow policies each of which, were it enforced, would turn this decision round."""

    def __bool__(self) -> bool:
        return self.effect is Effect.ALLOW

    def shadowed(self, policies: tuple[str, ...]) -> Self:
        """The same, with `shadow` noted: most decisions have none, and don't pay for it."""
        object.__setattr__(self, "shadow", policies)
        return self

    @cached_property
    def id(self) -> str:
        """Given when first asked for: most decisions are never named."""
        return uuid.uuid4().hex

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
