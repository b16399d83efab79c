"""Questions about conversations."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import strawberry

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
from models.listing.lines import milliseconds
from permissions.actions import Action
from permissions.engine.filters import equalities
from permissions.guards import SignedIn
from permissions.resources import conversation_resource
from resolvers.chat import inputs
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.reach import readable
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, as_object_id, encode, object_id
from resolvers.pagination import Connection, Edge, PageArguments, connection, page_arguments

T = TypeVar("T")

strawberry.enum(ConversationOrder, description="By which time, and which way.")


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
        request = _request(order, page_arguments(first, after, last, before))
        wanted = (filter or inputs.ConversationFilter()).stored()
        page = await list_conversations(info.context.db.db, scopes(info.context), wanted, request)
        info.context.loaders.prime(page.conversations)
        return await _shown(page, request, partial(shown, info.context))


async def deleted_ones(
    context: Context, arguments: PageArguments, show: Callable[[StoredConversation], Awaitable[T]]
) -> Connection[T]:
    """Deleted conversations that the caller may delete, the latest first."""
    request = replace(_request(ConversationOrder.UPDATED_DESC, arguments), deleted=True)
    reach = scopes(context, Action.CONVERSATION_DELETE)
    page = await list_conversations(context.db.db, reach, inputs.ConversationFilter().stored(), request)
    about = {each.id: conversation_resource(each) for each in page.conversations}
    readable = [
        each for each in page.conversations if context.access.consider(Action.CONVERSATION_READ, about[each.id])
    ]
    last = page.conversations[-1 if not request.backwards else 0] if page.more and page.conversations else None
    reached = page.reached or (place(last, request.order) if last else None)
    return await _shown(ListPage(readable, page.more, reached), request, show)


async def _shown(
    page: ListPage, request: ListRequest, show: Callable[[StoredConversation], Awaitable[T]]
) -> Connection[T]:
    order = request.order
    nodes = await asyncio.gather(*map(show, page.conversations))
    edges = [
        Edge(cursor=_cursor(order, place(stored, order)), node=node)
        for stored, node in zip(page.conversations, nodes, strict=True)
    ]
    before_is_more, after_is_more = request.after is not None, request.before is not None
    reached = _cursor(order, page.reached) if page.reached else None
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


def _request(order: ConversationOrder, arguments: PageArguments) -> ListRequest:
    return ListRequest(
        order=order,
        size=arguments.size,
        after=_place(order, arguments.after, "after"),
        before=_place(order, arguments.before, "before"),
        backwards=arguments.backwards,
    )


def _cursor(order: ConversationOrder, at: Place) -> str:
    """A time and an id: where the list goes on, even if this conversation has moved or gone meanwhile."""
    return encode("Place", order.field, milliseconds(at.time), at.id)


def _place(order: ConversationOrder, cursor: str | None, field: str) -> Place | None:
    if cursor is None:
        return None
    by, milliseconds, last = GlobalId.parse(cursor, field).require("Place", 3, field)
    if by != order.field:
        raise BadInputError(field, "is a cursor of another order")
    try:
        time = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadInputError(field, "is not a cursor of this server") from None
    if milliseconds != str(int(milliseconds)):
        raise BadInputError(field, "is not a cursor of this server")
    return Place(time, as_object_id(last, "Place", field))
