"""Sharing conversations, and taking that back."""

from datetime import datetime
from enum import StrEnum

import strawberry

from models.clock import now, stored
from models.conversation import Conversation as StoredConversation
from models.database import Record
from models.news import new_mark
from models.share import FOREVER, MOST_SHARES, Share, ShareAccess, role_grantee, same, user_grantee
from models.sharing import give, take
from permissions.actions import Action
from permissions.audit.events import Target
from permissions.guards import may
from permissions.resources import CONVERSATION
from permissions.sharing import require_to_give
from resolvers.account.reach import knows_role
from resolvers.chat.conversation import shown
from resolvers.chat.events import announce_change
from resolvers.chat.list_news import announce_listed
from resolvers.chat.mutations import ConversationPayload, caller
from resolvers.chat.reach import named
from resolvers.chat.tree import load_branch
from resolvers.context import Context, Info
from resolvers.errors import BadInputError, ConflictError, NotFoundError
from resolvers.ids import branch_name, object_id
from resolvers.moments import moment

SHARED = "conversation.shared"
UNSHARED = "conversation.unshared"


@strawberry.enum(name="ShareAccess", description="READ and WRITE give; NONE takes away.")
class WantedAccess(StrEnum):
    """What somebody shall be able to do."""

    READ = "read"
    WRITE = "write"
    NONE = "none"


@strawberry.input(
    description="With a user, or with whoever holds a role. The id of no account is taken like any other. With a "
    "`branchId`, only that branch's path. NONE takes away what was given there, and without a `branchId` all that was."
)
class ShareConversationInput:
    """Who may do what, and until when."""

    conversation_id: strawberry.ID
    user_id: strawberry.ID | None = None
    role: str | None = None
    branch_id: strawberry.ID | None = None
    access: WantedAccess | None = WantedAccess.READ
    until: datetime | None = None


@strawberry.type
class Mutation:
    """Of shares."""

    @strawberry.mutation(
        permission_classes=[may(Action.CONVERSATION_SHARE)],
        description=f"Share a conversation, in place of what the same user or role was given there: {MOST_SHARES} "
        "times at most. Nobody gives more than he may do himself, nor for longer.",
    )
    async def share_conversation(self, info: Info, input: ShareConversationInput) -> ConversationPayload:
        context = info.context
        grantee, until = _grantee(context, input), _until(input)
        conversation = await named(context, input.conversation_id, Action.CONVERSATION_SHARE)
        branch, mark = await _branch(info, conversation, input), new_mark()
        if input.access is WantedAccess.NONE:
            changed = await _taken(context, conversation, grantee, branch, mark)
        else:
            access = ShareAccess(input.access or WantedAccess.READ)
            share = Share(grantee=grantee, access=access, branch=branch, until=until, by=caller(context), at=now())
            changed = await _given(context, conversation, share, mark)
        if changed is None:
            raise NotFoundError("Conversation")
        if changed.shares != conversation.shares:
            await _tell(context, conversation, changed, mark)
        context.loaders.prime([changed])
        return ConversationPayload(conversation=await shown(context, changed))


async def _given(
    context: Context, conversation: StoredConversation, share: Share, mark: str
) -> StoredConversation | None:
    if share.grantee == user_grantee(conversation.owner_id):
        raise BadInputError("userId", "is the owner, who may do everything with it")
    require_to_give(context.access, conversation, share)
    sight = await context.sights.of(conversation)
    changed = await give(context.db.db, conversation.id, share, None if sight is None else sight.branches, mark)
    if changed is not None and all(each.at != share.at or not same(each, share) for each in changed.shares):
        raise ConflictError(f"the conversation is shared {MOST_SHARES} times already: end some of that first")
    return changed


async def _taken(
    context: Context, conversation: StoredConversation, grantee: str, branch: str | None, mark: str
) -> StoredConversation | None:
    """Who was given nothing may be anybody, and a role any text."""
    if all(share.grantee != grantee for share in conversation.shares):
        return conversation
    return await take(context.db.db, conversation.id, grantee, branch, mark)


def _grantee(context: Context, input: ShareConversationInput) -> str:
    """Roles that the caller neither holds nor may read are as if they weren't there."""
    if (input.user_id is None) is (input.role is None):
        raise BadInputError("role", "and `userId` exclude each other, and one of them is needed")
    if input.user_id is not None:
        return user_grantee(object_id(input.user_id, "User", "userId"))
    role = input.role or ""
    if input.access is WantedAccess.NONE:
        return role_grantee(role)
    if role not in context.access.snapshot.roles or not knows_role(context, role):
        raise NotFoundError("Role")
    return role_grantee(role)


def _until(input: ShareConversationInput) -> datetime:
    until = moment(input.until, "until")
    if until is None:
        return FOREVER
    if input.access is WantedAccess.NONE:
        raise BadInputError("until", "goes with READ or WRITE")
    if stored(until) <= now():
        raise BadInputError("until", "is over already")
    return stored(until)


async def _branch(info: Info, conversation: StoredConversation, input: ShareConversationInput) -> str | None:
    if input.branch_id is None:
        return None
    home, name = branch_name(input.branch_id, "branchId")
    if home != conversation.id:
        raise BadInputError("branchId", "belongs to another conversation")
    if input.access is not WantedAccess.NONE:  # what was given of a branch that is gone can be taken away
        await load_branch(info, conversation, name)
    return name


async def _tell(context: Context, before: StoredConversation, after: StoredConversation, mark: str) -> None:
    """Written down, and told to whoever is subscribed: to some it may be the last that they are told."""
    was, now_ = [_record(each) for each in before.shares], [_record(each) for each in after.shares]
    ended, begun = [each for each in was if each not in now_], [each for each in now_ if each not in was]
    kind, about = SHARED if begun else UNSHARED, Target(CONVERSATION, after.id)
    await context.audit.write(kind, context.origin, about, before=ended or None, after=begun or None)
    await announce_change(context.broker, after.id, after.number_of(mark))
    await announce_listed(context.broker, before, after)


def _record(share: Share) -> Record:
    return share.model_dump(mode="json", exclude={"by", "at", "forks"})
