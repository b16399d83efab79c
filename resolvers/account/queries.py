"""Who am I, and who else is there?"""

import strawberry

from models.directory import list_users, search_users
from models.user import User as StoredUser
from permissions.actions import Action
from permissions.guards import may
from permissions.resources import USER, user_resource
from resolvers.account.types import User, only_id, user_id
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import object_id
from resolvers.pagination import Connection, Edge, PageArguments, connection, page_arguments

SEARCH_CHARACTERS = 100


@strawberry.type
class Query:
    """Accounts."""

    @strawberry.field(description="The caller's account; null for an anonymous caller.")
    async def me(self, info: Info) -> User | None:
        # A token that has expired or was revoked makes nobody anonymous: its client must learn to refresh it.
        info.context.access.require_not_refused()
        principal, subject = info.context.principal, info.context.access.subject
        if principal and subject and subject.id == principal.user_id and only_id(info):
            return User.bare(principal.user_id)  # rights were found for him: the account is there, and can be used
        stored = await info.context.loaders.users.load(principal.user_id) if principal else None
        return User.of(stored) if stored else None

    @strawberry.field(
        description="Accounts by address; `search` finds those whose name or address begins with it.",
        permission_classes=[may(Action.USER_LIST)],
    )
    async def users(
        self, info: Info, first: int | None = None, after: str | None = None, search: str | None = None
    ) -> Connection[User]:
        arguments = page_arguments(first, after)
        found = await _found(info.context, arguments, _start(search))
        shown = found[: arguments.size]
        edges = [Edge(cursor=user_id(each.id), node=User.of(each)) for each in shown]
        return connection(edges, has_next=len(found) > arguments.size, has_previous=after is not None)


async def _found(context: Context, arguments: PageArguments, start: str | None) -> list[StoredUser]:
    """One more than the page holds, if there are more."""
    after, limit = await _key_after(context, arguments.after), arguments.size + 1
    reach = context.access.scopes(Action.USER_LIST, USER)
    if start is None:
        return await list_users(after, limit, reach)
    return await search_users(start, after, limit, reach, context.access.scopes(Action.USER_READ_EMAIL, USER))


async def _key_after(context: Context, cursor: str | None) -> str | None:
    """A cursor is an account's id: its place in the order is its address, which a cursor must not give away."""
    if cursor is None:
        return None
    user = await context.loaders.users.load(object_id(cursor, "User", "after"))
    if user is None or not context.access.consider(Action.USER_LIST, user_resource(user)):
        raise BadInputError("after", "is the cursor of an account that is no longer there")
    return user.email_key


def _start(search: str | None) -> str | None:
    if search is None or not search.strip():
        return None
    if len(search) > SEARCH_CHARACTERS or not search.isprintable():
        raise BadInputError("search", f"must be printable text of at most {SEARCH_CHARACTERS} characters")
    return search
