"""Questions about conversations."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import strawberry
from beanie import PydanticObjectId

from models.conversation import Conversation as StoredConversation
from models.conversation_list import (
    ConversationOrder,
    ListPage,
    ListRequest,
    Place,
    Scope,
    list_conversations,
    place,
)
from models.listing.lines import EPOCH, MILLISECOND, milliseconds
from permissions.actions import Action
from permissions.engine.filters import equalities
from permissions.guards import SignedIn
from resolvers.chat import inputs
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.mutations import caller
from resolvers.chat.reach import readable
from resolvers.context import Context, Info
from resolvers.ids import object_id
from resolvers.pagination import Connection, PageArguments, connection, edge, page_arguments

T = TypeVar("T")

strawberry.enum(ConversationOrder, description="By which time, and which way.")
_PLACE: Final = struct.Struct(">q12s")
"""Milliseconds since 1970, and an id."""


class Cursors:
    """Of one order of a list: where it goes on, even if that conversation has moved or gone meanwhile.

    They are sealed: a list's place may be that of a conversation which the server looked at and the caller may not
    see, and a time may tell when something was written that he doesn't see.
    """

    def __init__(self, context: Context, order: ConversationOrder, *, deleted: bool = False) -> None:
        self._seal = context.cursors
        self._order = order
        self._about = f"{'deleted ' if deleted else ''}conversations:{caller(context)}:{order.field}".encode()

    def of(self, at: Place) -> str:
        """The cursor of a place."""
        return self._seal.seal(_PLACE.pack(milliseconds(at.time), at.id.binary), self._about)

    def request(self, arguments: PageArguments) -> ListRequest:
        """What is asked for. Raises `BadInputError` for what is no cursor of this list, made for the caller."""
        return ListRequest(
            order=self._order,
            size=arguments.size,
            after=self._place(arguments.after, "after"),
            before=self._place(arguments.before, "before"),
            backwards=arguments.backwards,
        )

    def _place(self, cursor: str | None, field: str) -> Place | None:
        if cursor is None:
            return None
        time, id_ = _PLACE.unpack(self._seal.opened(cursor, self._about, field))
        return Place(EPOCH + time * MILLISECOND, PydanticObjectId(id_))


@strawberry.type
class Query:
    """Of chat."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description="Null for what does not exist, or may not be seen.",
    )
    async def conversation(self, info: Info, id: strawberry.ID) -> Conversation | None:
        stored = await readable(info.context, object_id(id, "Conversation"))
        return await shown(info.context, stored) if stored else None

    @strawberry.field(
        permission_classes=[SignedIn],
        description="All that you may read: the first 20 where neither `first` nor `last` says otherwise, 100 at most. "
        "A page may come short, or empty, where few of very many pass a filter: go on after `pageInfo`'s cursor, which "
        "tells how far it was read, until nothing follows.",
    )
    async def conversations(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        filter: inputs.ConversationFilter | None = None,
        order_by: ConversationOrder | None = ConversationOrder.UPDATED_DESC,
    ) -> Connection[Conversation]:
        order = order_by or ConversationOrder.UPDATED_DESC
        cursors = Cursors(info.context, order)
        request = cursors.request(page_arguments(first, after, last, before))
        wanted = (filter or inputs.ConversationFilter()).stored()
        context = info.context
        page = await list_conversations(context.db.db, scopes(context), wanted, request, context.starts)
        info.context.loaders.prime(page.conversations)
        return await _shown(page, request, cursors, partial(shown, info.context))


async def deleted_ones(
    context: Context, arguments: PageArguments, show: Callable[[StoredConversation], Awaitable[T]]
) -> Connection[T]:
    """Deleted conversations that the caller may delete, and read, the latest first."""
    cursors = Cursors(context, ConversationOrder.UPDATED_DESC, deleted=True)
    request = replace(cursors.request(arguments), deleted=True)
    seen = scopes(context)
    read = {"$or": [scope.where for scope in seen]}
    reach = [
        Scope(scope.equal, {**scope.where, "$and": [*scope.where.get("$and", ()), read]})
        for scope in scopes(context, Action.CONVERSATION_DELETE)
    ]
    wanted = inputs.ConversationFilter().stored()
    page = await list_conversations(context.db.db, reach if seen else [], wanted, request, context.starts)
    return await _shown(page, request, cursors, show)


async def _shown(
    page: ListPage, request: ListRequest, cursors: Cursors, show: Callable[[StoredConversation], Awaitable[T]]
) -> Connection[T]:
    nodes = await asyncio.gather(*map(show, page.conversations))
    edges = [
        edge(cursors.of(place(stored, request.order)), node)
        for stored, node in zip(page.conversations, nodes, strict=True)
    ]
    before_is_more, after_is_more = request.after is not None, request.before is not None
    reached = cursors.of(page.reached) if page.reached else None
    return connection(
        edges,
        has_next=after_is_more if request.backwards else page.more,
        has_previous=page.more if request.backwards else before_is_more,
        start=reached if request.backwards else None,
        end=None if request.backwards else reached,
    )


def scopes(context: Context, action: Action = Action.CONVERSATION_READ) -> list[Scope]:
    """The conversations to which the caller may do `action`, as the database can tell them."""
    allowed = context.access.scopes(action, "conversation")
    return [Scope(equalities(scope), scope) for scope in allowed]
