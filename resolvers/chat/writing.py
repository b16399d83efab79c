"""Writing where branches only are shared with the caller: after what he may answer, and his forks are shown to him.

What he begins beside such a branch belongs to the share that let him: it is shown to whom the share is for, as long as
that holds.
"""

from typing import Final

from models.conversation import Conversation
from models.share import MOST_FORKS, Share
from models.sharing import extend
from models.tree import Address, Appended, Draft, Sight
from models.tree.errors import BranchNotFoundError, MessageNotFoundError
from models.tree.lineage import ENDLESS
from permissions.actions import Action
from permissions.errors import DeniedError
from permissions.sharing import branch_shares, confinement
from resolvers.chat.conversation import chosen_branch
from resolvers.chat.reach import require_seen
from resolvers.context import Context
from resolvers.errors import ConflictError

READ: Final = Action.MESSAGE_READ
FULL: Final = f"{MOST_FORKS} branches were begun by shares of this conversation: go on at the end of one"


class Pen:
    """Writes in one conversation, in which the caller may do `action` at least somewhere."""

    def __init__(self, context: Context, conversation: Conversation, action: Action) -> None:
        self._context: Final = context
        self._conversation = conversation
        self._action = action

    async def require(self, place: Address, *, forks: bool) -> None:
        """Raise `MessageNotFoundError` where he doesn't see `place`, `DeniedError` where he may not write there.

        `ConflictError` where his message would begin a branch, as it does if `forks`, and no more can be shown to him.
        """
        sight = await self.allow(place)
        if sight is None:
            return
        count = sum(len(share.forks) for share in self._conversation.shares)
        if count >= MOST_FORKS and (forks or not sight.is_end(place)):
            raise ConflictError(FULL)

    async def allow(self, place: Address) -> Sight | None:
        """Where he may write. Raise as `require` does where `place` doesn't lie in it."""
        await require_seen(self._context, self._conversation, place)
        sight = await self._context.sights.of(self._conversation, self._action)
        if sight is not None and not sight.sees(place):
            raise self._confined()
        return sight

    async def append(self, parent: Address, draft: Draft) -> Appended:
        """After `parent`, which was required."""
        appended = await self._context.tree.append(self._conversation, parent, draft)
        return await self.shown(parent, appended)

    async def append_at_end(self, draft: Draft) -> Appended:
        """Where the caller left off, or where he was left when that was removed."""
        branch = await chosen_branch(self._context, self._conversation)
        try:
            return await self._at_end(branch, draft)
        except BranchNotFoundError:
            history = await self._context.history(self._conversation)
            return await self._at_end(await history.refuge(branch), draft)

    async def _at_end(self, branch: str, draft: Draft) -> Appended:
        read = await self._context.sights.of(self._conversation)
        write = await self._context.sights.of(self._conversation, self._action)
        end = read.stop(branch) if read else ENDLESS
        if not end:
            raise BranchNotFoundError(branch)
        if write is not None and write.stop(branch) < end:
            raise self._confined()
        if end < ENDLESS:
            last = Address(branch, end - 1)
            await self.require(last, forks=True)
            return await self.append(last, draft)
        appended = await self._context.tree.append_at_end(self._conversation, branch, draft)
        return await self.shown(Address(branch, max(appended.address.depth - 1, 0)), appended)

    async def shown(self, place: Address, appended: Appended) -> Appended:
        """The message that was stored, if he sees it: a fork is shown by the shares that let him write at `place`.

        Raises `MessageNotFoundError` for what an earlier try of his stored, and he doesn't see any more.
        """
        sights = [await self._context.sights.of(self._conversation, each) for each in (READ, self._action)]
        if all(sight is None or sight.sees(appended.address) for sight in sights):
            return appended
        if not appended.forked or not (appended.fresh or await self._alone(appended.address)):
            raise MessageNotFoundError(str(appended.address))
        changed = await extend(
            self._context.db.db, self._conversation.id, await self._shares(place), appended.address.branch
        )
        if changed is None or not any(appended.address.branch in share.forks for share in changed.shares):
            raise ConflictError(FULL)
        return appended

    async def _alone(self, address: Address) -> bool:
        """Whether nothing follows the first message of a branch: what somebody else wrote there, he may not see."""
        ends = await self._context.tree.history(self._conversation).ends([address.branch])
        return address.branch in ends and ends[address.branch].tip == address

    async def _shares(self, place: Address) -> list[Share]:
        """Those that let him write at `place`."""
        access, found = self._context.access, []
        shares = branch_shares(access, self._conversation, self._action)
        for share in branch_shares(access, self._conversation, READ) or () if shares is None else shares:
            names = {*share.forks, *([share.branch] if share.branch else ())}
            if (await self._context.tree.sight(self._conversation, names)).sees(place):
                found.append(share)
        return found

    def _confined(self) -> DeniedError:
        return DeniedError(confinement(self._context.access, self._conversation, self._action), visible=True)
