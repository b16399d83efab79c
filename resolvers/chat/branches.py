"""Branches compared, and one of them as a conversation of its own."""

from hashlib import sha256
from typing import Final

import strawberry
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation as StoredConversation
from models.conversation import title_key
from models.tree import MAIN, Address, CursorError, Sight, Window
from permissions.actions import Action
from permissions.audit.events import Target
from permissions.guards import SignedIn, may
from permissions.resources import CONVERSATION, message_resource
from resolvers.chat import inputs
from resolvers.chat.conversation import shown
from resolvers.chat.list_news import announce_listed
from resolvers.chat.mutations import ConversationPayload, caller
from resolvers.chat.reach import reached, readable, require_makeable
from resolvers.chat.tree import Branch, Message, load_branch, load_message
from resolvers.context import Context, Info
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import branch_name, message_address
from resolvers.pagination import Connection, connection, edge, page_arguments

KEY_LENGTH: Final = 200
COPIES: Final = 5
"""In one operation."""


@strawberry.type(description="What a branch has after the last message that it shares with another.")
class BranchRest:
    """A page of it is read at a time."""

    conversation: strawberry.Private[StoredConversation]
    shared: strawberry.Private[Address | None]
    name: strawberry.Private[str]

    @strawberry.field
    async def branch(self, info: Info) -> Branch:
        return await load_branch(info, self.conversation, self.name)

    @strawberry.field(description="In order; the first 20 where `first` doesn't say otherwise, 100 at most.")
    async def messages(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Message]:
        arguments = page_arguments(first, after)
        start = self.shared
        if after is not None:
            home, start = message_address(after, "after")
            if home != self.conversation.id:
                raise BadInputError("after", "is a cursor of another conversation")
        try:
            window = Window(first=arguments.size, after=start)
            page = await (await info.context.history(self.conversation)).page(self.name, window)
        except CursorError as error:
            raise BadInputError("after", f"is no cursor of this branch: {error}") from None
        edges = [edge(message.id, message) for message in Message.page(self.conversation, page.rows)]
        return connection(edges, has_next=page.span.stop < page.length, has_previous=after is not None)


@strawberry.type(description="Where two branches part.")
class BranchDifference:
    """Both belong to one conversation."""

    conversation: strawberry.Private[StoredConversation]
    shared: strawberry.Private[Address | None]

    a: BranchRest
    b: BranchRest

    @strawberry.field(description="The last message that both have; null where they share none.")
    async def last_shared(self, info: Info) -> Message | None:
        return await load_message(info, self.conversation, self.shared) if self.shared else None


@strawberry.input
class ForkConversationInput:
    """A branch, whole or until one of its messages. The same key again gives the conversation that it gave before."""

    branch_id: strawberry.ID
    until_message_id: strawberry.ID | None = None
    title: str | None = None
    idempotency_key: str | None = None


@strawberry.type
class Query:
    """Of branches."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description="The last message that two branches share, and what each has after it. "
        "Needs `message:read`; null for what does not exist, or may not be seen.",
    )
    async def diff_branches(self, info: Info, a: strawberry.ID, b: strawberry.ID) -> BranchDifference | None:
        home, one = branch_name(a, "a")
        other_home, other = branch_name(b, "b")
        if home != other_home:
            raise BadInputError("b", "belongs to another conversation")
        stored = await readable(info.context, home)
        if stored is None:
            return None
        info.context.access.require(Action.MESSAGE_READ, message_resource(stored))
        shared = None
        if stored.message_count or {one, other} != {MAIN}:
            shared = await (await info.context.history(stored)).last_shared(one, other)
        rests = [BranchRest(conversation=stored, shared=shared, name=name) for name in (one, other)]
        return BranchDifference(conversation=stored, shared=shared, a=rests[0], b=rests[1])


@strawberry.type
class Mutation:
    """Of branches."""

    @strawberry.mutation(
        permission_classes=[may(Action.CONVERSATION_CREATE), may(Action.MESSAGE_READ)],
        description="A new conversation of yours, with a copy of one branch: 10,000 messages or 32 MiB at most. "
        "It has the attributes of the other; metadata of messages only where you may read it.",
    )
    async def fork_conversation(self, info: Info, input: ForkConversationInput) -> ConversationPayload:
        context = info.context
        _count(context)
        home, name = branch_name(input.branch_id, "branchId")
        source = await reached(context, home, Action.MESSAGE_READ)
        until = _until(input, home)
        target = _target(context, source, input)
        require_makeable(context, target)
        metadata: bool | Sight = bool(context.access.decide(Action.MESSAGE_READ_METADATA, message_resource(source)))
        if metadata:
            metadata = await context.sights.of(source, Action.MESSAGE_READ_METADATA) or True
        sight = await context.sights.of(source)
        try:
            fresh = await context.tree.copy(source, name, until, target, metadata=metadata, sight=sight)
        except CursorError:
            raise BadInputError("untilMessageId", "is not on this branch") from None
        if fresh:
            origin = {"from": str(source.id), "branch": name}
            about = Target(CONVERSATION, target.id)
            await context.audit.write("conversation.forked", context.origin, about, after=origin)
        current = await context.loaders.conversations.load(target.id)
        if current is None or current.deleted:
            raise NotFoundError("Conversation")
        if fresh:
            await announce_listed(context.broker, None, current)
        return ConversationPayload(conversation=await shown(context, current))


def _count(context: Context) -> None:
    """A document may ask for two hundred, of 32 MiB each."""
    context.copies += 1
    if context.copies > COPIES:
        raise BadInputError("branchId", f"comes more than {COPIES} times in one request")


def _until(input: ForkConversationInput, home: PydanticObjectId) -> Address | None:
    if input.until_message_id is None:
        return None
    other, until = message_address(input.until_message_id, "untilMessageId")
    if other != home:
        raise BadInputError("untilMessageId", "belongs to another conversation")
    return until


def _target(context: Context, source: StoredConversation, input: ForkConversationInput) -> StoredConversation:
    """The conversation to be; its id follows from the key, so that a retry comes to the same one."""
    key, begun = input.idempotency_key, now()
    if key is not None and not 0 < len(key) <= KEY_LENGTH:
        raise BadInputError("idempotencyKey", f"must have 1 to {KEY_LENGTH} characters")
    parts = (caller(context), input.branch_id, input.until_message_id, key)
    digest = sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:12]
    title = source.title if input.title is None else inputs.titled(input.title)["title"]
    return StoredConversation(
        id=PydanticObjectId(digest) if key else PydanticObjectId(),
        owner_id=caller(context),
        title=title,
        title_key=title_key(title),
        tags=source.tags,
        attributes=source.attributes,
        started_at=begun,
        updated_at=begun,
        slot_width=context.tree.limits.bucket_messages,
    )
