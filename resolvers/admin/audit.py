"""The audit log and the decisions in it, for whoever may read them."""

from datetime import datetime
from typing import Self

import strawberry
from beanie import PydanticObjectId
from strawberry.scalars import JSON

from models.audit import AuditRecord
from models.audit_list import AuditFilter as StoredFilter
from models.audit_list import Found, RecordPlace, list_records
from permissions.actions import Action
from permissions.audit.events import DECISION, plainly
from permissions.audit.sentence import sentence
from permissions.engine.rules import Effect
from permissions.guards import may
from permissions.resources import AUDIT, CONVERSATION, MESSAGE, USER
from resolvers.account.types import User
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, encode, object_id
from resolvers.moments import utc_moment
from resolvers.pagination import Connection, Edge, connection, page_arguments

strawberry.enum(Effect, name="DecisionEffect", description="What was decided.")

NODES = {USER: "User", CONVERSATION: "Conversation", MESSAGE: "Conversation"}
"""Types of resources whose ids are ids of nodes. Messages are decided together, by their conversation."""
LONGEST = 200


@strawberry.type(description="Something that was decided or done. `parley audit verify` sees whether it was changed.")
class AuditEvent:
    """A record of the log. What it tells of may be gone."""

    stored: strawberry.Private[AuditRecord]

    id: strawberry.ID
    at: datetime
    kind: str = strawberry.field(description="`decision`, or what was done: `role.changed`, `login.failed` …")
    session_id: str | None
    ip: str | None
    request_id: str | None
    action: str | None
    resource_type: str | None
    resource_id: strawberry.ID | None
    effect: Effect | None
    decided_by: list[str] = strawberry.field(description="The rules that decided.")
    shadow: list[str] = strawberry.field(
        description="Shadow policies each of which would have turned it round; of a list, changed its filter."
    )
    decision_id: strawberry.ID | None
    strategy: str | None
    revision: str | None = strawberry.field(description="That of the rules.")
    reason: str | None

    @classmethod
    def of(cls, found: Found) -> Self:
        """A stored record, as the schema shows it."""
        record = found.record
        return cls(
            stored=record,
            id=strawberry.ID(encode("AuditEvent", *found.place)),
            at=record.at,
            kind=record.kind,
            session_id=record.session,
            ip=record.ip,
            request_id=record.request,
            action=record.action,
            resource_type=record.resource_type,
            resource_id=_shown_id(record),
            effect=Effect(record.effect) if record.effect else None,
            decided_by=record.decided_by,
            shadow=record.shadow,
            decision_id=strawberry.ID(record.decision) if record.decision else None,
            strategy=record.strategy,
            revision=record.revision,
            reason=record.reason,
        )

    @strawberry.field(
        description="Whose doing it was; null for the system, for nobody, and for an account that is not there."
    )
    async def actor(self, info: Info) -> User | None:
        if self.stored.by is None or not PydanticObjectId.is_valid(self.stored.by):
            return None
        stored = await info.context.loaders.users.load(PydanticObjectId(self.stored.by))
        return User.of(stored) if stored else None

    @strawberry.field(description="It in a sentence.")
    async def summary(self, info: Info) -> str:
        actor = await self.actor(info)
        return sentence(self.stored, actor.display_name if actor else self.stored.by)

    @strawberry.field(description="What the decision rested on: roles held, and attributes as they were.")
    def facts(self) -> JSON | None:
        return _json(self.stored.facts)

    @strawberry.field(description="How it was before the change.")
    def before(self) -> JSON | None:
        return _json(self.stored.before)

    @strawberry.field(description="How it was after the change.")
    def after(self) -> JSON | None:
        return _json(self.stored.after)


@strawberry.input
class AuditFilter:
    """What to look for; what is null doesn't matter."""

    actor_id: strawberry.ID | None = None
    kind: str | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: strawberry.ID | None = strawberry.field(default=None, description="A node's id, or the name.")
    effect: Effect | None = None
    decision_id: strawberry.ID | None = None
    from_: datetime | None = strawberry.field(default=None, name="from", description="From this moment on.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment.")

    def stored(self) -> StoredFilter:
        """The same for the database. Raises `BadInputError`."""
        equal = {
            "by": str(object_id(self.actor_id, "User", "filter.actorId")) if self.actor_id else None,
            "kind": self.kind,
            "action": self.action,
            "resource_type": self.resource_type,
            "resource_id": _named_id(self.resource_id) if self.resource_id else None,
            "effect": self.effect and str(self.effect),
            "decision": self.decision_id,
        }
        wanted = {name: value for name, value in equal.items() if value is not None}
        if any(len(value) > LONGEST or not value.isprintable() for value in wanted.values()):
            raise BadInputError("filter", f"must have printable texts of at most {LONGEST} characters")
        return StoredFilter(wanted, utc_moment(self.from_, "filter.from"), utc_moment(self.until, "filter.until"))


@strawberry.type
class Query:
    """Of what happened."""

    @strawberry.field(
        permission_classes=[may(Action.AUDIT_READ)],
        description="What was decided and done, newest first: the first 20 where `first` does not say otherwise.",
    )
    async def audit_events(
        self, info: Info, first: int | None = None, after: str | None = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEvent]:
        return await _page(info.context, first, after, (filter or AuditFilter()).stored())

    @strawberry.field(
        permission_classes=[may(Action.AUDIT_READ)],
        description="The decisions among them: each that denied, and of those that allowed as many as are kept.",
    )
    async def decision_log(
        self, info: Info, first: int | None = None, after: str | None = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEvent]:
        wanted = filter or AuditFilter()
        if wanted.kind not in (None, DECISION):
            raise BadInputError("filter", f"can only ask for the kind `{DECISION}` here")
        wanted.kind = DECISION
        return await _page(info.context, first, after, wanted.stored())


async def _page(context: Context, first: int | None, after: str | None, wanted: StoredFilter) -> Connection[AuditEvent]:
    arguments = page_arguments(first, after)
    reach = context.access.scopes(Action.AUDIT_READ, AUDIT)
    place = _place(after) if after is not None else None
    found = await list_records(context.db.db, reach, wanted, place, arguments.size + 1)
    shown = found[: arguments.size]
    edges = [Edge(cursor=encode("AuditEvent", *each.place), node=AuditEvent.of(each)) for each in shown]
    return connection(edges, has_next=len(found) > arguments.size, has_previous=after is not None)


def _place(cursor: str) -> RecordPlace:
    block, n = GlobalId.parse(cursor, "after").require("AuditEvent", 2, "after")
    if not (block.isdecimal() and n.isdecimal() and len(block) < 16 and len(n) < 6):
        raise BadInputError("after", "is not a cursor of this server")
    return RecordPlace(int(block), int(n))


def _shown_id(record: AuditRecord) -> strawberry.ID | None:
    if record.resource_id is None:
        return None
    kind = NODES.get(record.resource_type or "")
    return strawberry.ID(encode(kind, record.resource_id) if kind else record.resource_id)


def _named_id(text: str) -> str:
    """What is stored of a resource's id: of a node, the document's."""
    try:
        found = GlobalId.parse(text)
    except BadInputError:
        return text
    return found.parts[0] if found.kind in NODES.values() else text


def _json(text: str | None) -> JSON | None:
    return None if text is None else JSON(plainly(text))
