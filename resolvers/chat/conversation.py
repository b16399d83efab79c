"""Conversations."""

from datetime import datetime
from typing import Final, Self

import strawberry
from beanie import PydanticObjectId
from strawberry.scalars import JSON

from models.conversation import Conversation as StoredConversation
from models.conversation import Removal
from models.tree import Address, CursorError, Page, Sight, Window
from models.tree.errors import BranchNotFoundError
from models.tree.sight import Figures
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import conversation_resource, message_resource
from resolvers.account.types import User
from resolvers.chat.pages import shown_page
from resolvers.chat.shares import ConversationShare
from resolvers.chat.tree import Branch, Message, load_branch, load_branches
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, as_object_id, branch_name, encode, message_address, message_id
from resolvers.node import Node
from resolvers.pagination import Connection, Edge, PageArguments, connection, page_arguments

READS: Final = 8
"""So many times more branches are read to fill a page, where some are deleted."""


@strawberry.type(description="A conversation: a tree of messages, read one branch at a time.")
class Conversation(Node):
    """A conversation that the caller may read."""

    stored: strawberry.Private[StoredConversation]

    title: str | None
    tags: list[str]
    attributes: JSON = strawberry.field(description="What policies look at: region, department, clearance_required …")
    archived: bool
    answers: bool = strawberry.field(description="Whether the assistant answers every message of a user.")
    started_at: datetime
    updated_at: datetime
    message_count: int = strawberry.field(
        description="In all branches together; deleted ones that keep their place count, removed subtrees don't. "
        "These figures are those of what you see."
    )
    branch_count: int

    @classmethod
    def of(cls, stored: StoredConversation, sight: Sight | None) -> Self:
        """A stored conversation, as the schema shows it to who sees that of it; `shown` finds out."""
        figures = _figures(stored, sight)
        return cls(
            id=strawberry.ID(encode("Conversation", stored.id)),
            stored=stored,
            title=stored.title,
            tags=stored.tags,
            attributes=JSON(stored.attributes),
            archived=stored.archived,
            answers=stored.answers,
            started_at=stored.started_at,
            updated_at=figures.updated_at,
            message_count=figures.message_count,
            branch_count=figures.branch_count,
        )

    def permission_resource(self) -> Resource:
        """What field guards ask about."""
        return conversation_resource(self.stored)

    @strawberry.field
    async def owner(self, info: Info) -> User | None:
        stored = await info.context.loaders.users.load(self.stored.owner_id)
        return User.of(stored) if stored else None

    @strawberry.field(description="The branch on which you left off.")
    async def chosen_branch(self, info: Info) -> Branch | None:
        name = await chosen_branch(info.context, self.stored)
        (branch,) = await load_branches(info, self.stored, [name])
        return branch or await load_branch(info, self.stored, await self._refuge(info, name))

    @strawberry.field(
        description="The path from the first message to the last of `branch`, a page of it: the first 20 where "
        "neither `first` nor `last` says otherwise, 100 at most. Without `branch`: where you left off."
    )
    async def messages(
        self,
        info: Info,
        branch: strawberry.ID | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Message]:
        about = message_resource(self.stored)
        info.context.access.require(Action.MESSAGE_READ, about)
        window = self._window(page_arguments(first, after, last, before))
        name = self._branch_name(branch) if branch else await chosen_branch(info.context, self.stored)
        try:
            page = await self._page(info, name, window, named=branch is not None)
        except CursorError as error:
            raise BadInputError("after" if after else "before", f"is no cursor of this branch: {error}") from None
        return shown_page(self.stored, page, about)

    @strawberry.field(
        description="All branches, oldest first. A page may come short, or empty, where many in a row were deleted: go "
        "on after `pageInfo`'s cursor until nothing follows."
    )
    async def branches(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Branch]:
        size = page_arguments(first, after).size
        history = await info.context.history(self.stored)
        edges: list[Edge[Branch]] = []
        place, more = _place(after) if after else None, True
        for _ in range(READS):
            listed = await history.branches(place, size - len(edges) + 1)
            shown, more = listed[: size - len(edges)], len(listed) > size - len(edges)
            branches = await load_branches(info, self.stored, [name for _, name in shown])
            edges += [
                Edge(cursor=encode("At", at), node=branch)
                for (at, _), branch in zip(shown, branches, strict=True)
                if branch
            ]
            place = shown[-1].place if shown else place
            if not more or len(edges) == size:
                break
        end = encode("At", place) if place else None
        return connection(edges, has_next=more, has_previous=after is not None, end=end)

    @strawberry.field(
        description="Subtrees that were deleted, and can be restored: 200 at most. Needs `message:delete`."
    )
    async def deleted_subtrees(self, info: Info) -> list["DeletedSubtree"]:
        info.context.access.require(Action.MESSAGE_DELETE, message_resource(self.stored))
        sight = await info.context.sights.of(self.stored)
        if await info.context.sights.of(self.stored, Action.MESSAGE_DELETE) is not None:
            return []  # who may delete on branches only may neither remove nor restore a subtree
        return [
            DeletedSubtree.of(self.stored, each, sight)
            for each in self.stored.removed
            if not each.purging and (sight is None or sight.sees(Address.parse(each.at)))
        ]

    @strawberry.field(
        description="With whom it is shared, as far as that has not ended.",
        permission_classes=[may(Action.CONVERSATION_SHARE)],
    )
    async def shares(self, info: Info) -> list[ConversationShare] | None:
        at, sight = info.context.access.env.time, await info.context.sights.of(self.stored)
        return [
            ConversationShare.of(self.stored, each)
            for each in self.stored.shares
            if each.holds(at) and (each.branch is None or sight is None or sight.stop(each.branch))
        ]

    @strawberry.field(description="The actions that you may take on it.")
    def viewer_permissions(self, info: Info) -> list[str]:
        allowed = info.context.access.permitted(self.permission_resource(), message_resource(self.stored))
        return [action.value for action in allowed if action is not Action.CONVERSATION_CREATE]

    async def _page(self, info: Info, name: str, window: Window, *, named: bool) -> Page:
        """A page of the branch, or of what is left of it where nobody named it."""
        history = await info.context.history(self.stored)
        try:
            return await history.page(name, window)
        except BranchNotFoundError:
            if named:
                raise
            return await history.page(await self._refuge(info, name), window)

    async def _refuge(self, info: Info, name: str) -> str:
        """Where a reader is left whose branch was removed."""
        return await (await info.context.history(self.stored)).refuge(name)

    def _window(self, arguments: PageArguments) -> Window:
        return Window(
            first=arguments.first,
            last=arguments.last,
            after=self._address(arguments.after, "after"),
            before=self._address(arguments.before, "before"),
        )

    def _address(self, cursor: str | None, field: str) -> Address | None:
        if cursor is None:
            return None
        conversation_id, address = message_address(cursor, field)
        if conversation_id != self.stored.id:
            raise BadInputError(field, "is a cursor of another conversation")
        return address

    def _branch_name(self, branch: str) -> str:
        conversation_id, name = branch_name(branch, "branch")
        if conversation_id != self.stored.id:
            raise BadInputError("branch", "belongs to another conversation")
        return name


@strawberry.type(description="A message that was deleted with everything below it.")
class DeletedSubtree:
    """Where it was."""

    message_id: strawberry.ID = strawberry.field(description="To restore it by.")
    depth: int
    deleted_at: datetime
    message_count: int = strawberry.field(
        description="How many messages it took along; 0 for too many to count, or where you see branches only."
    )

    @classmethod
    def of(cls, conversation: StoredConversation, stored: Removal, sight: Sight | None) -> Self:
        """A stored mark, as the schema shows it to who sees that of the conversation."""
        address = Address.parse(stored.at)
        return cls(
            message_id=strawberry.ID(message_id(conversation.id, address)),
            depth=address.depth,
            deleted_at=stored.deleted_at,
            message_count=stored.messages if sight is None else 0,
        )


async def shown(context: Context, stored: StoredConversation) -> Conversation:
    """A conversation that the caller may read, as the schema shows it to him."""
    return Conversation.of(stored, await context.sights.of(stored))


def _figures(stored: StoredConversation, sight: Sight | None) -> Figures:
    if sight is None:
        return Figures(stored.message_count, stored.branch_count, stored.updated_at)
    return sight.figures(stored.started_at, [Address.parse(each.at) for each in stored.removed])


async def chosen_branch(context: Context, stored: StoredConversation) -> str:
    """The name of the branch on which the caller left off."""
    principal = context.principal
    return await context.tree.chosen(stored, principal.user_id) if principal else stored.chosen_branch


def _place(cursor: str) -> PydanticObjectId:
    (place,) = GlobalId.parse(cursor, "after").require("At", 1, "after")
    return as_object_id(place, "At", "after")
