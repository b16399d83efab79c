"""Who may do something to something, a page of them."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Self

import strawberry
from beanie import PydanticObjectId

from models.user import User as StoredUser
from permissions.actions import Action
from permissions.engine.facts import Env, Id, Resource, Subject
from permissions.questions.holders import Holder, holders
from permissions.questions.question import Question
from permissions.resources import PERMISSION
from resolvers.account.types import User
from resolvers.admin.asking import LONG, past, require_action, rules
from resolvers.admin.decisions import ResourceInput
from resolvers.admin.effective import steps
from resolvers.admin.targets import target
from resolvers.context import Context
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import encode, object_id
from resolvers.pagination import Connection, Edge, PageInfo, page_arguments


@strawberry.type(description="Somebody who may do it.")
class AccessHolder:
    """An account, with the ways by which it may."""

    user: User
    via: list[list[str]] = strawberry.field(description="Each path by which the permission came, role by role.")
    decided_by: list[str] = strawberry.field(description="The rules that allow it.")

    @classmethod
    def of(cls, holder: Holder, user: StoredUser) -> Self:
        """A holder, as the schema shows it."""
        return cls(user=User.of(user), via=steps(holder.via), decided_by=list(holder.decision.decided_by))


async def who_has_access(
    context: Context, action: str, about: ResourceInput, env: Env, first: int | None, after: str | None
) -> Connection[AccessHolder]:
    """A page. Raises `NotFoundError` for what the asker may not know of."""
    size, time = page_arguments(first, after).size, env.time
    context.access.spend(LONG)
    last = await _place(context, after, time) if after else None
    snapshot = await rules(context, time)
    require_action(snapshot, action, "action")
    found = await target(context, about, action, snapshot, "resource")
    if not found.known:
        raise NotFoundError(about.type)
    asked = Question(Subject(""), action, found.resource, env)
    page = await holders(snapshot, _subjects(context, time, last), asked, size)
    users = await context.loaders.users.load_many([_id(each.subject) for each in page.holders])
    edges = [
        Edge(cursor=_cursor(holder.subject.id), node=AccessHolder.of(holder, user))
        for holder, user in zip(page.holders, users, strict=True)
        if user is not None
    ]
    end = _cursor(page.last) if page.last is not None else None
    start = edges[0].cursor if edges else end
    info = PageInfo(has_next_page=page.more, has_previous_page=after is not None, start_cursor=start, end_cursor=end)
    return Connection(edges=edges, page_info=info)


async def _place(context: Context, cursor: str, time: datetime) -> PydanticObjectId:
    """The account in a cursor. What follows would tell of its address: whom the asker may not ask about is no place."""
    place, at = object_id(cursor, "AccessHolder", "after"), past(context, time)
    found: StoredUser | Subject | None
    found = await (context.loaders.users.load(place) if at is None else context.permissions.subject(place, at))
    if found is None or not _askable(context, place, found.attributes):
        raise BadInputError("after", "is the cursor of an account that is no longer there")
    return place


async def _subjects(context: Context, time: datetime, after: PydanticObjectId | None) -> AsyncIterator[Subject]:
    """Those that the asker may ask about, in the order of their addresses."""
    async for subject in context.permissions.subjects(past(context, time), after):
        if _askable(context, subject.id, subject.attributes):
            yield subject


def _askable(context: Context, subject_id: Id, attributes: Mapping[str, Any]) -> bool:
    access = context.access
    asking = Resource(PERMISSION, subject_id, attributes)
    return bool(access.subject and access.snapshot.decide(access.subject, Action.PERMISSION_READ, asking, access.env))


def _cursor(subject_id: object) -> str:
    return encode("AccessHolder", subject_id)


def _id(subject: Subject) -> PydanticObjectId:
    return PydanticObjectId(str(subject.id))
