"""Ending sessions: one, the others, all; one's own, or with the right to it anybody's."""

import strawberry
from beanie import PydanticObjectId

from permissions.actions import Action
from permissions.audit.events import Target
from permissions.authn.endings import Over
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import SESSION, USER, session_resource
from resolvers.account.reach import readable_user
from resolvers.account.session_events import announce_ended
from resolvers.context import Context, Info
from resolvers.errors import NotFoundError
from resolvers.ids import GlobalId, as_object_id, object_id

BY_ONESELF = "session_ended"
BY_OTHERS = "ended_by_admin"
APPLIED = "Whether every worker is known to refuse the tokens by now. If false, the others follow within a second of "
APPLIED += "hearing of it."


@strawberry.input
class EndSessionInput:
    """Which one."""

    session_id: strawberry.ID


@strawberry.input
class EndAllSessionsInput:
    """Whose; one's own, if left out."""

    user_id: strawberry.ID | None = None


@strawberry.type
class EndSessionPayload:
    """It is over."""

    session_id: strawberry.ID
    applied: bool = strawberry.field(description=APPLIED)


@strawberry.type
class EndSessionsPayload:
    """They are over."""

    count: int = strawberry.field(description="How many ended by this.")
    applied: bool = strawberry.field(description=APPLIED)


@strawberry.type
class Mutation:
    """Sessions of anybody. Whatever ends, its tokens are refused everywhere within a second, with the reason."""

    @strawberry.mutation(
        description="End a session of one's own, or with the right to it anybody's.",
        permission_classes=[may(Action.SESSION_END)],
    )
    async def end_session(self, info: Info, input: EndSessionInput) -> EndSessionPayload:
        context, ending = info.context, _named(input.session_id)
        _require(context, session_resource(ending.session_id, ending.user_id))
        reason = _reason(context, ending.user_id)
        over = await context.accounts.endings.known(ending, reason)
        if over is None:
            raise NotFoundError("Session")
        if over.ended:
            target, whose = Target(SESSION, ending.session_id), {"user_id": ending.user_id}
            await context.audit.write("session.ended", context.origin, target, before=whose, reason=reason)
        await announce_ended(context.broker, ending.user_id, over.ended, reason)
        return EndSessionPayload(session_id=input.session_id, applied=over.applied)

    @strawberry.mutation(
        description="End all sessions of one's own but the one that asks.",
        permission_classes=[may(Action.SESSION_END)],
    )
    async def end_other_sessions(self, info: Info) -> EndSessionsPayload:
        context, principal = info.context, _principal(info.context)
        _require(context, _all_of(principal.user_id))
        over = await context.accounts.endings.others(principal, BY_ONESELF)
        return await _ended(context, principal.user_id, over, BY_ONESELF)

    @strawberry.mutation(
        description="End all sessions of one's own, this one too, or with the right to it anybody's.",
        permission_classes=[may(Action.SESSION_END)],
    )
    async def end_all_sessions(self, info: Info, input: EndAllSessionsInput | None = None) -> EndSessionsPayload:
        context, principal = info.context, _principal(info.context)
        user_id = await _whose(context, input.user_id if input else None) or principal.user_id
        _require(context, _all_of(user_id))
        reason = _reason(context, user_id)
        over = await context.accounts.endings.all(user_id, reason, lasting=user_id != principal.user_id)
        return await _ended(context, user_id, over, reason)


def _named(text: str) -> Principal:
    """Whom the session lets in that a client names."""
    owner, session_id = GlobalId.parse(text, "sessionId").require("Session", 2, "sessionId")
    return Principal(as_object_id(owner, "Session", "sessionId"), session_id)


async def _whose(context: Context, text: str | None) -> PydanticObjectId | None:
    if text is None:
        return None
    user = await readable_user(context, object_id(text, "User", "userId"))
    if user is None:
        raise NotFoundError("User")
    return user.id


def _require(context: Context, resource: Resource) -> None:
    """Who may not know of a session learns nothing, whether there is one or not."""
    if not context.access.consider(Action.SESSION_READ, resource):
        raise NotFoundError("Session")
    context.access.require(Action.SESSION_END, resource)


def _all_of(user_id: PydanticObjectId) -> Resource:
    return Resource(SESSION, None, {"owner_id": user_id})


def _reason(context: Context, user_id: PydanticObjectId) -> str:
    return BY_ONESELF if user_id == _principal(context).user_id else BY_OTHERS


def _principal(context: Context) -> Principal:
    if context.principal is None:
        raise UnauthenticatedError
    return context.principal


async def _ended(context: Context, user_id: PydanticObjectId, over: Over, reason: str) -> EndSessionsPayload:
    after = {"count": len(over.ended)}
    await context.audit.write("sessions.ended", context.origin, Target(USER, user_id), after=after, reason=reason)
    await announce_ended(context.broker, user_id, over.ended, reason)
    return EndSessionsPayload(count=len(over.ended), applied=over.applied)
