"""Accounts, their sessions and the roles that they hold."""

from datetime import datetime
from typing import Final, Self

import strawberry
from beanie import PydanticObjectId
from graphql import FieldNode, OperationDefinitionNode, SelectionNode
from strawberry.scalars import JSON

from models import role as stored_roles
from models.role import GrantEffect
from models.user import User as StoredUser
from permissions.actions import Action
from permissions.authn.accounts import Accounts, Signed
from permissions.authn.sessions import Session as StoredSession
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import SESSION, user_resource
from resolvers.account.reach import knows_role
from resolvers.context import Context, Info
from resolvers.ids import encode
from resolvers.node import Node

BARE: Final = frozenset({"__typename", "id"})

strawberry.enum(GrantEffect, description="What a grant says where it applies.")


@strawberry.type(description="Somebody or something that signs in.")
class User(Node):
    """An account. What is not guarded, everybody sees who sees a conversation of it."""

    stored: strawberry.Private[StoredUser]

    display_name: str

    @classmethod
    def of(cls, stored: StoredUser) -> Self:
        """A stored account, as the schema shows it."""
        return cls(id=user_id(stored.id), stored=stored, display_name=stored.display_name)

    @classmethod
    def bare(cls, stored_id: PydanticObjectId) -> Self:
        """Of who is known to be there, for an answer in which nothing is shown of him but his id (`only_id`)."""
        made = cls.__new__(cls)
        made.id = user_id(stored_id)
        return made

    def permission_resource(self) -> Resource:
        """What field guards ask about."""
        return user_resource(self.stored)

    @strawberry.field(permission_classes=[may(Action.USER_READ_EMAIL)])
    def email(self) -> str | None:
        return self.stored.email

    @strawberry.field(
        description="What policies look at: region, department, clearance …",
        permission_classes=[may(Action.USER_READ)],
    )
    def attributes(self) -> JSON | None:
        return JSON(self.stored.attributes)

    @strawberry.field(
        description="Whether it was closed: nobody signs in to it.", permission_classes=[may(Action.USER_READ)]
    )
    def disabled(self) -> bool | None:
        return self.stored.disabled

    @strawberry.field(description="Where it is signed in now, newest first. Needs `session:read`.")
    async def sessions(self, info: Info) -> list["Session"]:
        # Without an id it stands for all of the account's sessions, of which there may be none.
        info.context.access.require(Action.SESSION_READ, Resource(SESSION, None, {"owner_id": self.stored.id}))
        accounts, principal = info.context.accounts, info.context.principal
        here = principal.session_id if principal and principal.user_id == self.stored.id else None
        return [Session.of(each, here, accounts) for each in await accounts.sessions_of(self.stored.id, here)]

    @strawberry.field(
        description="The roles that it was given, those of the future too; not the ended ones. "
        "Of other accounts those whose role you may read, which needs `role:read`, for roles tell their grants.",
        permission_classes=[may(Action.USER_READ)],
    )
    async def role_assignments(self, info: Info) -> list["RoleAssignment"]:
        mine = own(info.context, self.stored.id)
        if not mine:
            info.context.access.require_foreseen(Action.ROLE_READ)
        assignments = await info.context.loaders.assignments.load(self.stored.id)
        roles = await info.context.loaders.roles.load_many([each.role for each in assignments])
        pairs = zip(assignments, roles, strict=True)
        return [
            RoleAssignment.of(each, role, self) for each, role in pairs if role and knows_role(info.context, role.id)
        ]


@strawberry.type(description="A device that is signed in.")
class Session:
    """A refresh token family."""

    id: strawberry.ID
    device: str | None = strawberry.field(description="As it was named at login, or browser and system.")
    ip: str | None = strawberry.field(description="Where it was refreshed last.")
    opened_ip: str | None = strawberry.field(description="Where it was signed in.")
    created_at: datetime
    last_used_at: datetime = strawberry.field(description="When it was last refreshed.")
    expires_at: datetime = strawberry.field(description="When it ends, however it is used.")
    idle_expires_at: datetime = strawberry.field(description="When it ends unless it is refreshed before.")
    current: bool = strawberry.field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, stored: StoredSession, here: str | None, accounts: Accounts) -> Self:
        """A stored session; `here` is the id of the one that asks."""
        return cls(
            id=strawberry.ID(encode("Session", stored.user_id, stored.id)),
            device=stored.device,
            ip=stored.ip,
            opened_ip=stored.opened_ip,
            created_at=stored.created_at,
            last_used_at=stored.last_used_at,
            expires_at=stored.expires_at,
            idle_expires_at=accounts.sessions.idle_end(stored),
            current=stored.id == here,
        )


@strawberry.type(description="A rule of a role.")
class Grant:
    """Allows or denies."""

    effect: GrantEffect
    action: str = strawberry.field(description="`resource:verb`, or `resource:*`.")
    condition: str | None = strawberry.field(description="Where it applies; everywhere if null.")

    @classmethod
    def of(cls, stored: stored_roles.Grant) -> Self:
        """A stored grant, as the schema shows it."""
        return cls(effect=stored.effect, action=stored.action, condition=stored.condition)


@strawberry.type(description="Grants under one name.")
class Role:
    """A role, by its name."""

    stored: strawberry.Private[stored_roles.Role]

    name: str
    priority: int | None = strawberry.field(description="Lowest first, where conflicts are decided by priority.")
    description: str | None
    grants: list[Grant] = strawberry.field(description="Its own, without the inherited ones.")

    @classmethod
    def of(cls, stored: stored_roles.Role) -> Self:
        """A stored role, as the schema shows it."""
        return cls(
            stored=stored,
            name=stored.id,
            priority=stored.priority,
            description=stored.description,
            grants=[Grant.of(grant) for grant in stored.grants],
        )

    @strawberry.field(description="The roles whose grants it also has, as far as you hold them or may read them.")
    async def inherits(self, info: Info) -> list["Role"]:
        known = [each for each in self.stored.inherits if knows_role(info.context, each)]
        roles = await info.context.loaders.roles.load_many(known)
        return [Role.of(role) for role in roles if role]


@strawberry.type(description="A role that an account holds, from when until when.")
class RoleAssignment:
    """Limits that are null are open."""

    stored: strawberry.Private[stored_roles.RoleAssignment]

    id: strawberry.ID
    user: User
    role: Role
    valid_from: datetime | None
    valid_until: datetime | None
    window: str | None = strawberry.field(description="Weekly hours, where it holds only then.")
    reason: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, stored: stored_roles.RoleAssignment, role: stored_roles.Role, user: User) -> Self:
        """A stored assignment of `role` to `user`."""
        return cls(
            stored=stored,
            id=strawberry.ID(encode("RoleAssignment", stored.id)),
            user=user,
            role=Role.of(role),
            valid_from=stored.valid_from,
            valid_until=stored.valid_until,
            window=stored.window,
            reason=stored.reason,
            ended_at=stored.ended_at,
        )

    @strawberry.field(
        description="Who gave it; null for what was there from the start, and, of what others hold, where you may not "
        "read that account."
    )
    async def granted_by(self, info: Info) -> User | None:
        giver = self.stored.granted_by
        stored = await info.context.loaders.users.load(giver) if giver else None
        if stored is None or not (own(info.context, self.stored.user_id) or _reads(info.context, stored)):
            return None
        return User.of(stored)


@strawberry.type(description="What a client needs to prove who it is.")
class AuthPayload:
    """A pair of tokens."""

    access_token: str = strawberry.field(description="Send it as `Authorization: Bearer …`.")
    refresh_token: str | None = strawberry.field(
        description="Swap it for a new pair before the access token expires. It works once. Null where a cookie has it."
    )
    expires_in: int = strawberry.field(description="Seconds that the access token is good.")
    user: User

    @classmethod
    def of(cls, signed: Signed, *, in_cookie: bool) -> Self:
        """A pair, as the schema shows it."""
        return cls(
            access_token=signed.access_token,
            refresh_token=None if in_cookie else signed.refresh_token,
            expires_in=signed.expires_in,
            user=User.of(signed.user),
        )


@strawberry.type
class LogoutPayload:
    """How a logout went."""

    ended: bool = strawberry.field(description="False if nobody was signed in, or the session had ended before.")


@strawberry.input
class LoginInput:
    """Who wants in."""

    email: str
    password: str
    device: str | None = strawberry.field(default=None, description="A name for the list of sessions.")
    cookie: bool = strawberry.field(
        default=False,
        description="For browsers: keep the refresh token in an HttpOnly cookie, out of the reach of scripts. "
        "Needs the header `X-CSRF-Protection: 1`, here and at `refreshSession`.",
    )


@strawberry.input
class RefreshSessionInput:
    """Who wants to stay in."""

    refresh_token: str | None = strawberry.field(default=None, description="The cookie's, if left out.")


def only_id(info: Info) -> bool:
    """Whether nothing but the id is selected of what the field gives; no for what isn't seen at once."""
    nodes = getattr(info, "field_nodes", None) or info._raw_info.field_nodes
    for node in nodes:
        for field in node.selection_set.selections if node.selection_set else ():
            if not isinstance(field, FieldNode) or field.name.value not in BARE:
                return False
    return True


def asks_who(operation: OperationDefinitionNode) -> bool:
    """Whether nothing but who the caller is is asked for: `me`, and of that only what `only_id` lets be."""
    if operation.directives or operation.variable_definitions:
        return False
    return all(_is_me(each) for each in operation.selection_set.selections)


def _is_me(selection: SelectionNode) -> bool:
    if not isinstance(selection, FieldNode) or selection.directives:
        return False
    if selection.name.value == "__typename":
        return True
    fields = selection.selection_set.selections if selection.selection_set else ()
    return selection.name.value == "me" and all(
        isinstance(each, FieldNode) and each.name.value in BARE and not each.directives for each in fields
    )


def own(context: Context, account: PydanticObjectId) -> bool:
    """Whether it is the caller's account."""
    return context.principal is not None and context.principal.user_id == account


def _reads(context: Context, account: StoredUser) -> bool:
    return bool(context.access.consider(Action.USER_READ, user_resource(account)))


def user_id(stored_id: PydanticObjectId) -> strawberry.ID:
    """An account's global id."""
    return strawberry.ID(encode("User", stored_id))
