"""Searching messages."""

import struct
from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final

import strawberry

from models.bucket import MessageRole
from models.search.query import Query as SearchQuery
from models.search.query import QueryError, parse
from models.search.ranking import Place
from models.search.reach import MessageFilter, Reach
from models.search.search import Hit, SearchPage, SearchRequest
from permissions.actions import Action
from permissions.guards import SignedIn
from permissions.resources import MESSAGE
from resolvers.chat import inputs
from resolvers.chat.mutations import caller
from resolvers.chat.queries import scopes
from resolvers.chat.reach import readable
from resolvers.chat.tree import Message
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import object_id
from resolvers.moments import moment
from resolvers.pagination import PageInfo, page_arguments

SEARCHES: Final = 5
"""In one operation."""
MODEL_LENGTH: Final = 300
_PLACE: Final = struct.Struct(">BI36s")


@strawberry.input(description="What is left out doesn't matter; all the rest must hold.")
class MessageSearchFilter:
    """See `models.search.reach.MessageFilter`."""

    conversation_id: strawberry.ID | None = None
    role: MessageRole | None = None
    author_id: strawberry.ID | None = None
    llm_model: str | None = None
    tags_any: list[str] | None = None
    after: datetime | None = None
    before: datetime | None = None


@strawberry.type
class MessageSearchEdge:
    """A message that was found. What is seldom asked for is made when it is."""

    hit: strawberry.Private[Hit]
    seal: strawberry.Private[Callable[[Place], str]]
    node: Message
    score: float = strawberry.field(
        description="BM25. How rare a word is, is told by your own messages only: others' don't show in it."
    )

    @strawberry.field
    def cursor(self) -> str:
        return self.seal(self.hit.place)

    @strawberry.field(
        description="A piece of the message as HTML: what was found is in `<mark>`, everything else is escaped."
    )
    def snippet(self) -> str:
        return self.hit.snippet.html


@strawberry.type
class MessageSearchConnection:
    """A page of what was found, best first."""

    edges: list[MessageSearchEdge]
    page_info: PageInfo
    complete: bool = strawberry.field(
        description="False where the words are too frequent to look at all their messages: older ones are left out. "
        "Also wherever you read by rule, so that it doesn't tell how many messages of others there are."
    )


@strawberry.type
class Query:
    """Of search."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description='Messages that you may read, best first: all words must occur, in any form; `"a phrase"` as it '
        "stands, `-word` not at all. The first 20 unless `first` says otherwise, 100 at most. A page may be shorter "
        "while others follow: `hasNextPage` tells.",
    )
    async def search_messages(
        self,
        info: Info,
        query: str,
        first: int | None = None,
        after: str | None = None,
        filter: MessageSearchFilter | None = None,
    ) -> MessageSearchConnection:
        _count(info.context)
        arguments = page_arguments(first, after)
        given = filter or MessageSearchFilter()
        asked = _parsed(query)
        about = _about(info.context, query, given)
        place = _opened(info.context, after, about, asked) if after is not None else None
        wanted = await _stored(info.context, given)
        if wanted is None:
            return _shown(info.context, SearchPage([], more=False, end=None), about, after)
        request = SearchRequest(asked, wanted, arguments.size, place)
        return _shown(info.context, await info.context.search.find(_reach(info.context), request), about, after)


def _count(context: Context) -> None:
    """A document may ask for the same under a hundred names."""
    context.searches += 1
    if context.searches > SEARCHES:
        raise BadInputError("query", f"comes more than {SEARCHES} times in one request")


def _parsed(text: str) -> SearchQuery:
    try:
        return parse(text)
    except QueryError as error:
        raise BadInputError("query", str(error)) from None


async def _stored(context: Context, given: MessageSearchFilter) -> MessageFilter | None:
    """The same, checked; None where it names a conversation that the caller can't see: nothing is found there."""
    conversation = None
    if given.conversation_id is not None:
        conversation = await readable(context, object_id(given.conversation_id, "Conversation", "conversationId"))
        if conversation is None:
            return None
    if given.llm_model is not None and len(given.llm_model) > MODEL_LENGTH:
        raise BadInputError("llmModel", f"must not exceed {MODEL_LENGTH} characters")
    return MessageFilter(
        conversation=conversation,
        role=given.role,
        author_id=object_id(given.author_id, "User", "authorId") if given.author_id is not None else None,
        llm_model=given.llm_model,
        tags_any=None if given.tags_any is None else inputs.tags(given.tags_any, "tagsAny"),
        after=moment(given.after, "after"),
        before=moment(given.before, "before"),
    )


def _reach(context: Context) -> Reach:
    """What the caller may read, as the database can tell it."""
    return Reach(
        caller(context),
        scopes(context, Action.CONVERSATION_READ),
        context.access.scopes(Action.MESSAGE_READ, MESSAGE),
        context.access.scopes(Action.MESSAGE_READ_METADATA, MESSAGE),
        context.sights.of,
        partial(context.sights.of, action=Action.MESSAGE_READ_METADATA),
    )


def _shown(context: Context, page: SearchPage, about: bytes, after: str | None) -> MessageSearchConnection:
    seal = partial(_sealed, context, about)
    edges = [
        MessageSearchEdge(hit=hit, seal=seal, node=Message.of(hit.conversation, hit.row), score=round(hit.score, 4))
        for hit in page.hits
    ]
    info = PageInfo(
        has_next_page=page.more,
        has_previous_page=after is not None,
        start_cursor=seal(page.hits[0].place) if page.hits else None,
        end_cursor=seal(page.end) if page.end else None,
    )
    context.loaders.prime([hit.conversation for hit in page.hits])
    return MessageSearchConnection(edges=edges, page_info=info, complete=page.complete)


def _about(context: Context, query: str, given: MessageSearchFilter) -> bytes:
    """Whose cursor it is, and of which search."""
    return sha256(repr((str(caller(context)), query, given)).encode()).digest()


def _sealed(context: Context, about: bytes, place: Place) -> str:
    weights = struct.pack(f">{len(place.weights)}H", *place.weights)
    return context.cursors.seal(_PLACE.pack(len(place.weights), place.score, place.key) + weights, about)


def _opened(context: Context, cursor: str, about: bytes, asked: SearchQuery) -> Place:
    plain = context.cursors.opened(cursor, about, "after")
    count, score, key = _PLACE.unpack_from(plain)
    if count != len(asked.needles):  # made by a release that cut words otherwise
        raise BadInputError("after", "is not a cursor of this search")
    return Place(struct.unpack_from(f">{count}H", plain, _PLACE.size), score, key)
