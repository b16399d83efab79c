"""`permissionEvents`: what is done to permissions, accounts and sessions, as the audit log has it.

The log is the only source: what stands in it is told, in its order, whoever wrote it, and a cursor is a place in it.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Final

import strawberry

from models.audit import AuditRecord
from models.audit_list import Found, RecordPlace
from models.permission_change import ChangeKind
from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.showing import Check
from permissions.engine.decision import Decision
from permissions.guards import may
from permissions.resources import AUDIT, audit_resource
from resolvers.admin.audit import AuditEvent
from resolvers.chat.patience import MISSED, made_good, patiently
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.events import AccessRevoked, PermissionEvent, ResyncRequired
from resolvers.ids import GlobalId, encode

TYPES: Final = (*(str(kind) for kind in ChangeKind), "session", "sessions", "tokens", "signing_key")
"""What is told of: kinds of records up to their dot."""
MOST_BLOCKS: Final = 10_000
"""Read for one who comes back; he who was away longer reads the list."""

RENEW_SECONDS: Final = 0.5
"""How long a right is good, while records are told."""


@strawberry.type(description="Somebody changed a role, a policy, an assignment, an account …, or ended sessions.")
class PermissionChanged(PermissionEvent):
    """The record of the log."""

    event: AuditEvent = strawberry.field(
        description="Who, when and what, with the state before and after, and the `revision` of the rules."
    )


PERMISSION_EVENTS: Final = [PermissionChanged]


@strawberry.type
class Subscription:
    """Of what is done to permissions."""

    @strawberry.subscription(
        permission_classes=[may(Action.AUDIT_READ)],
        description="What is done to roles, policies, assignments, attributes, accounts, sessions and keys from now "
        "on, or since the event with the cursor `after`, which may be an entry of `auditEvents`; within a second, as "
        "far as you may read it in the audit log.",
    )
    async def permission_events(self, info: Info, after: str | None = None) -> AsyncGenerator[PermissionEvent, None]:
        context, log = info.context, _Log(info.context, None if after is None else _place(after))
        right = _Right(context)
        await patiently(context, log.begin)
        async with aclosing(_events(context, log, right)) as events:
            with context.showing() as show:
                async for event in events:
                    show(right.check(event))
                    yield event


async def _events(context: Context, log: "_Log", right: "_Right") -> AsyncGenerator[PermissionEvent, None]:
    while True:
        if log.lost:
            yield ResyncRequired(cursor=log.cursor, reason=log.lost)
            log.lost = None
        end = await patiently(context, context.audit.tail.later)
        told = log.cursor
        if (refusal := await right.refusal()) is not None:
            yield _revoked(refusal, told)
            return
        async for found in log.new(end):
            if (refusal := await right.refusal()) is not None:
                yield _revoked(refusal, told)
                return
            told = log.cursor
            if covers(context.access, found.record):
                yield PermissionChanged(cursor=told, event=AuditEvent.of(found))
                if await made_good(context):
                    yield ResyncRequired(cursor=told, reason=MISSED)


class _Right:
    """To read the log at all: judged anew while there is much to be told, or a reader is slow."""

    def __init__(self, context: Context) -> None:
        self._context: Final = context
        self._judged_at = float("-inf")

    async def refusal(self) -> Decision | None:
        """The decision by which the caller may read nothing of it any more; it is noted then."""
        context, moment = self._context, time.monotonic()
        if moment - self._judged_at >= RENEW_SECONDS:
            await patiently(context, context.renew)
            self._judged_at = moment
        access = context.access
        if access.subject is None:
            raise UnauthenticatedError
        if access.snapshot.foresee(access.subject, Action.AUDIT_READ, AUDIT, access.env):
            return None
        return access.foresee(Action.AUDIT_READ)

    def check(self, event: PermissionEvent) -> Check | None:
        """How to look, later, whether he may still see what it shows. Where not, the next event says so."""
        if not isinstance(event, PermissionChanged):
            return None
        return partial(patiently, self._context, partial(self._covers_still, event.event.stored))

    async def _covers_still(self, record: AuditRecord) -> bool:
        return covers(await self._context.judged(), record)


def covers(access: Access, record: AuditRecord) -> bool:
    """Whether it is among what the caller may read of the log."""
    return bool(access.consider(Action.AUDIT_READ, audit_resource(record)))


class _Log:
    """What one subscriber has read of the log: up to `at`, whole blocks or part of one."""

    def __init__(self, context: Context, after: RecordPlace | None) -> None:
        self._context: Final = context
        self.at: RecordPlace | None = after
        self.lost: str | None = None

    @property
    def cursor(self) -> str:
        """Of the place up to which it is read."""
        return encode("AuditEvent", *(self.at or RecordPlace(0, 0)))

    async def begin(self) -> None:
        """Find the place; from the end on where there is none, and where it isn't in the log (any more)."""
        tail = self._context.audit.tail
        end = await tail.end()
        if self.at is None:
            self.at = RecordPlace(end, _WHOLE)
        elif not max(await tail.cut_to(), end - MOST_BLOCKS) <= self.at.block <= end:
            self._lose(end)

    async def new(self, end: int) -> AsyncIterator[Found]:
        """What was written since, of what is told; it counts as read when it is given."""
        while (at := self.at or RecordPlace(0, _WHOLE)).block < end or at.n < _WHOLE:
            block = await patiently(self._context, partial(self._block, at))
            if block is None:  # it was cut for its age
                self._lose(end)
                return
            number, records = block
            for record in records:
                if record.kind.partition(".")[0] in TYPES:
                    self.at = RecordPlace(number, record.n)
                    yield Found(self.at, record)
            self.at = RecordPlace(number, _WHOLE)

    def _lose(self, end: int) -> None:
        self.lost = "the events since the cursor can't be told: read the audit log"
        self.at = RecordPlace(end, _WHOLE)

    async def _block(self, at: RecordPlace) -> tuple[int, list[AuditRecord]] | None:
        """What follows `at` in its block; else the next block."""
        after = at.block if at.n >= _WHOLE else at.block - 1
        async for block in self._context.audit.tail.walk(after, after + 1):
            records = [AuditRecord.model_validate(each) for each in block["records"]]
            return block["_id"], [each for each in records if block["_id"] > at.block or each.n > at.n]
        return None


_WHOLE: Final = 99_999
"""The place behind the last record of any block."""


def _place(cursor: str) -> RecordPlace:
    """Raises nothing: what is no cursor is as one that is too old."""
    try:
        block, n = GlobalId.parse(cursor, "after").require("AuditEvent", 2, "after")
        return RecordPlace(int(block), int(n)) if len(block) < 16 and len(n) < 6 else _NOWHERE
    except (BadInputError, ValueError):
        return _NOWHERE


_NOWHERE: Final = RecordPlace(-1, 0)


def _revoked(decision: Decision, cursor: str) -> AccessRevoked:
    return AccessRevoked(
        cursor=cursor, reason="you may not read the audit log any more", decision_id=strawberry.ID(decision.id)
    )
