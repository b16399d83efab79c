"""Messages and branches."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import strawberry
from strawberry.scalars import JSON

from models.bucket import MAX_COUNT, MessageRole, MessageStatus
from models.conversation import Conversation as StoredConversation
from models.tree import MAIN, Address, BranchEnd, Row
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import message_resource
from resolvers.account.types import User
from resolvers.chat.answer import AnswerRequest
from resolvers.chat.attachment import Attachment
from resolvers.context import Info
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import branch_id, message_beginning, place_in_id
from resolvers.loaders import Place
from resolvers.node import Node
from resolvers.pagination import MAX_PAGE
from resolvers.steady import STEADY

strawberry.enum(MessageRole, description="Who speaks.")
strawberry.enum(MessageStatus, description="Whether a message is whole.")

ROLES: Final = {each.value: each for each in MessageRole}
STATUSES: Final = {each.value: each for each in MessageStatus}
COMPLETE: Final = MessageStatus.COMPLETE


@strawberry.type(description="How an answer was made.")
class MessageMetadata:
    """As the assistant's side reported it."""

    llm_model: str | None = strawberry.field(description="The model that wrote it.")
    tokens_used: int | None = strawberry.field(description="Tokens read and written.")
    latency_ms: int | None = strawberry.field(description="Milliseconds until it was whole.")
    extra: JSON | None = strawberry.field(description="Whatever else the writer noted.")

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read the stored form."""
        if "tokens_used" in stored or not ("tokens_in" in stored or "tokens_out" in stored):
            tokens = stored.get("tokens_used")
        else:
            tokens = min(stored.get("tokens_in", 0) + stored.get("tokens_out", 0), MAX_COUNT)
        made = cls.__new__(cls)  # as `Message.page`
        made.llm_model, made.tokens_used = stored.get("llm_model"), tokens
        made.latency_ms, made.extra = stored.get("latency_ms"), stored.get("extra")
        return made


@strawberry.type(description="A message of a conversation. Its id is its place in the tree, and never changes.")
class Message(Node):
    """A message on some path."""

    conversation: strawberry.Private[StoredConversation]
    row: strawberry.Private[Row]
    about: strawberry.Private[Resource]

    role: MessageRole
    content: str | None = strawberry.field(description="Null for a deleted message.")
    created_at: datetime
    status: MessageStatus
    depth: int = strawberry.field(description="0 for a first message.")
    sibling_count: int = strawberry.field(
        description="Alternatives at this place, this one included: the 3 of “2 / 3”. Deleted ones that keep their "
        "place count, removed subtrees don't."
    )
    sibling_index: int = strawberry.field(description="Which of them this is, from 0, oldest first.")
    deleted_at: datetime | None
    attachments: list[Attachment] = strawberry.field(description="None of a deleted message.")

    @classmethod
    def of(cls, conversation: StoredConversation, row: Row) -> Self:
        """A stored message, as the schema shows it."""
        return cls.page(conversation, (row,))[0]

    @classmethod
    def page(cls, conversation: StoredConversation, rows: Iterable[Row], about: Resource | None = None) -> list[Self]:
        """Many of one conversation; `about` is its `message_resource`, if that is at hand.

        They are made without the dataclass's own `__init__`, whose dozen named arguments cost more than all that is
        read here, and without a call for each.
        """
        about, place = about or message_resource(conversation), place_in_id
        beginning: Any = message_beginning(conversation.id)
        shown: list[Self] = []
        for row in rows:
            made = cls.__new__(cls)
            address, stored, _, made.sibling_index, made.sibling_count, _ = row
            made.id, made.conversation, made.row, made.about = beginning + place(address), conversation, row, about
            made.role = ROLES[stored["role"]]
            made.content = stored.get("content")
            made.created_at = stored["created_at"]
            status, attachments = stored.get("status"), stored.get("attachments")
            made.status = STATUSES[status] if status else COMPLETE
            made.depth = address.depth
            made.deleted_at = stored.get("deleted_at")
            made.attachments = [Attachment.of(each) for each in attachments] if attachments else []
            shown.append(made)
        return shown

    def permission_resource(self) -> Resource:
        """What field guards ask about."""
        return self.about

    @strawberry.field(description="Who wrote it; null for what no account wrote.")
    async def author(self, info: Info) -> User | None:
        author_id = self.row.message.get("author_id")
        stored = await info.context.loaders.users.load(author_id) if author_id else None
        return User.of(stored) if stored else None

    @strawberry.field(
        description="Of its content, in bytes of UTF-8: where the next `MessageDelta` goes on.", metadata=STEADY
    )
    def content_length(self) -> int:
        return len((self.content or "").encode())

    @strawberry.field(description="The message that this one answers; null for a first message.")
    async def parent(self, info: Info) -> "Message | None":
        return await load_message(info, self.conversation, self.row.parent) if self.row.parent else None

    @strawberry.field(description="The branch that it was written on.")
    async def branch(self, info: Info) -> "Branch":
        return await load_branch(info, self.conversation, self.row.address.branch)

    @strawberry.field(description="The alternatives at this place, oldest first, this one among them.")
    async def siblings(self, info: Info, first: int = MAX_PAGE) -> list["Message"]:
        if not 1 <= first <= MAX_PAGE:
            raise BadInputError("first", f"must be 1 to {MAX_PAGE}")
        if self.sibling_count == 1:
            return [self]
        info.context.access.require(Action.MESSAGE_READ, self.permission_resource())
        place = Place(self.conversation.id, self.row.parent, self.depth, first, self.row.gone)
        addresses = await info.context.loaders.siblings.load(place)
        rows = await info.context.loaders.rows.load_many([(self.conversation.id, each) for each in addresses])
        return Message.page(self.conversation, filter(None, rows), self.about)

    @strawberry.field(description="What became of the newest answer to it that the assistant was asked for, if any.")
    async def answer(self, info: Info) -> AnswerRequest | None:
        stored = await info.context.loaders.answers.load((self.conversation.id, self.row.address))
        return AnswerRequest.of(stored, await info.context.sights.of(self.conversation)) if stored else None

    @strawberry.field(permission_classes=[may(Action.MESSAGE_READ_METADATA)], metadata=STEADY)
    def metadata(self, info: Info) -> MessageMetadata | None:
        # Steady, as no page is kept of a conversation whose branches are shared by themselves.
        stored = self.row.message.get("metadata")
        if not stored or info.context.sights.hides(self.conversation, self.row.address, Action.MESSAGE_READ_METADATA):
            return None
        return MessageMetadata.of(stored)

    @strawberry.field(description="The message that this one is a new version of.")
    async def edited_from(self, info: Info) -> "Message | None":
        source = self.row.message.get("edited_from")
        return await load_message(info, self.conversation, Address.parse(source)) if source else None


async def load_message(info: Info, conversation: StoredConversation, address: Address) -> Message | None:
    """The message at `address`, for a caller who may read the conversation.

    Raises `DeniedError` where he may not read its messages.
    """
    info.context.access.require(Action.MESSAGE_READ, message_resource(conversation))
    return await written_message(info, conversation, address)


async def written_message(info: Info, conversation: StoredConversation, address: Address) -> Message | None:
    """The message at `address`, for the caller who wrote it just now: he knows what it says."""
    row = await info.context.loaders.rows.load((conversation.id, address))
    return Message.of(conversation, row) if row else None


@strawberry.type(description="A path through the tree: from the first message to the last of a run that left another.")
class Branch(Node):
    """A branch that has messages, or the first one, which may have none yet."""

    conversation: strawberry.Private[StoredConversation]
    end: strawberry.Private[BranchEnd | None]
    name: strawberry.Private[str]

    message_count: int = strawberry.field(description="Of the whole path, first message to last.")

    @classmethod
    def of(cls, conversation: StoredConversation, name: str, end: BranchEnd | None) -> Self:
        """A stored branch, as the schema shows it."""
        return cls(
            id=strawberry.ID(branch_id(conversation.id, name)),
            conversation=conversation,
            end=end,
            name=name,
            message_count=end.tip.depth + 1 if end else 0,
        )

    @strawberry.field(description="The last message that it shares with the branch it left; null where it shares none.")
    async def forked_from(self, info: Info) -> Message | None:
        address = self.end.forked_from if self.end else None
        return await load_message(info, self.conversation, address) if address else None

    @strawberry.field(description="Who wrote its own first message, and so began it.")
    async def author(self, info: Info) -> User | None:
        first = await load_message(info, self.conversation, self.end.first) if self.end else None
        author_id = first.row.message.get("author_id") if first else None
        stored = await info.context.loaders.users.load(author_id) if author_id else None
        return User.of(stored) if stored else None

    @strawberry.field(description="The last message; null while there is none.")
    async def tip(self, info: Info) -> Message | None:
        return await load_message(info, self.conversation, self.end.tip) if self.end else None

    @strawberry.field
    async def created_at(self, info: Info) -> datetime:
        created = await info.context.loaders.branch_times.load((self.conversation.id, self.name))
        return created or self.conversation.started_at


async def load_branch(info: Info, conversation: StoredConversation, name: str) -> Branch:
    """The branch, for a caller who may read the conversation. Raises `NotFoundError`."""
    (branch,) = await load_branches(info, conversation, [name])
    if branch is None:
        raise NotFoundError("Branch")
    return branch


async def load_branches(info: Info, conversation: StoredConversation, names: Sequence[str]) -> list[Branch | None]:
    """The branches that exist for the caller, in the order of `names`."""
    sight = await info.context.sights.of(conversation)
    ends = await info.context.loaders.ends.load_many([(conversation.id, name) for name in names])
    return [
        Branch.of(conversation, name, end) if end or (name == MAIN and (sight is None or sight.stop(MAIN))) else None
        for name, end in zip(names, ends, strict=True)
    ]
