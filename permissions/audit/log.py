"""The audit log, as the rest of the server sees it: write what was done, keep what was decided, find it again."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self

from models.audit import AuditRecord
from models.clock import now
from models.database import Record
from models.permission_change import PermissionChange
from permissions.access import Takings
from permissions.audit.blocks import Blocks
from permissions.audit.events import Origin, Spelling, Target, change, decided
from permissions.audit.forgone import Forgone
from permissions.audit.tail import AuditTail
from permissions.audit.writer import Writer


class Allows(StrEnum):
    """Which allowed decisions are kept. Denials always are."""

    OFF = "off"
    SAMPLED = "sampled"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of what is allowed: `rate` of the requests when sampled, from 0 to 1."""

    allows: Allows = Allows.OFF
    rate: float = 1.0

    def wanted(self, chance: Callable[[], float] = random.random) -> bool:
        """Whether to keep what one request was allowed; a request is kept whole or not at all."""
        return self.allows is Allows.ALL or (self.allows is Allows.SAMPLED and chance() < self.rate)


class AuditLog:
    """One a worker."""

    def __init__(self, writer: Writer, blocks: Blocks, keeping: Keeping) -> None:
        self._writer: Final = writer
        self._blocks: Final = blocks
        self._keeping: Final = keeping
        self._forgone: Final = Forgone(writer)
        self.tail: Final = AuditTail(blocks)

    async def __aenter__(self) -> Self:
        await self._writer.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tail.close()
        await self._writer.close()

    async def write(
        self,
        kind: str,
        by: Origin,
        target: Target,
        before: Any = None,
        after: Any = None,
        reason: str | None = None,
    ) -> None:
        """Return when it is stored that `by` did `kind` (`role.put`, `login.failed` …) to `target`.

        `before` and `after` are states as JSON has them. Raise `PyMongoError` if it can't be stored: then nobody may
        be told that it was done.
        """
        await self._writer.write([change(kind, by, target, before, after, reason)])

    async def changed(self, changes: Sequence[PermissionChange], origin: Origin) -> None:
        """Return when it is stored that permissions were changed. It is done by now: only the answer can still wait."""
        await self._writer.write([_permission_change(each, origin) for each in changes])

    async def keep(self, takings: Takings, origin: Origin) -> None:
        """Keep what was decided for one answer, which goes out after this returns.

        Denials are stored by then, or `PyMongoError` says that perhaps they are not: the same `takings` may be kept
        again, and are stored once. What was allowed follows later, if it is kept; always is what a shadow policy would
        have denied.
        """
        await self.keep_all([(takings, origin)])

    async def keep_all(self, answers: Iterable[tuple[Takings, Origin]]) -> None:
        """The same for many answers at once, with whose they are: none goes out before all denials are stored."""
        at = now()
        denials, maybe, spelling = list[Record](), set[str](), Spelling()
        for takings, origin in answers:
            self._offer(takings, origin, at)
            if takings.tried:
                maybe.update(each.decision.id for each in takings.denied)
            denials += [decided(each, origin, at, spelling) for each in takings.denied]
            takings.tried = True
        if denials:
            await self._writer.write(denials, frozenset(maybe))

    def _offer(self, takings: Takings, origin: Origin, at: datetime) -> None:
        """What may follow later is not among the takings after that."""
        if self._keeping.allows is Allows.OFF and not takings.allowed:
            takings.missed = 0
            return
        wanted = self._keeping.wanted()
        kept = takings.allowed if wanted else [each for each in takings.allowed if each.decision.shadow]
        if kept or wanted:
            self._writer.offer([partial(decided, each, origin, at) for each in kept], takings.missed if wanted else 0)
        takings.allowed, takings.missed = [], 0

    def forgo(self, by: Origin, number: int) -> None:
        """Keep only that so many denials were decided on for `by`, of which nobody was told."""
        self._forgone.add(by, number)

    async def find_decision(self, decision_id: str) -> AuditRecord | None:
        """The decision with that id, if it was kept. What was just allowed is not there yet."""
        found = await self._blocks.find(decision_id)
        return AuditRecord.model_validate(found[1]) if found else None

    async def flush(self) -> None:
        """Store all that waits to be."""
        await self._writer.flush()


def _permission_change(each: PermissionChange, origin: Origin) -> Record:
    deed = "created" if each.before is None else "deleted" if each.after is None else "changed"
    by = replace(origin, user_id=origin.user_id or each.by)
    target = Target(each.kind, each.key)
    return change(f"{each.kind}.{deed}", by, target, each.before, each.after, each.reason, each.id)
