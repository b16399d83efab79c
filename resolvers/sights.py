"""Sights: what the caller sees of conversations of which only branches are shared with him."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.share import Share
from models.tree import Address, MessageTree, Sight
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.resources import message_resource
from resolvers.loading import SharedLoader

Shared = Callable[[Conversation, Action], frozenset[str] | None]
"""The branches of a conversation to which an action is confined; None: it isn't."""
_Asked = tuple[Conversation, frozenset[str]]


class Sights:
    """One request's. A conversation without shares of branches costs nothing here; another one a call at most."""

    def __init__(self, tree: MessageTree, shared: Shared) -> None:
        self._shared = shared
        self._found: dict[tuple[PydanticObjectId, Action], Sight | None] = {}
        self._made: SharedLoader[_Asked, Sight] = SharedLoader(partial(_make, tree), cache_key_fn=_key)

    async def of(self, conversation: Conversation, action: Action = Action.MESSAGE_READ) -> Sight | None:
        """Where the caller may do `action`; None is everywhere. Ask it where he may do it at all.

        What doesn't lie in the sight of `message:read` must look to him as if it didn't exist.
        """
        if not partly(conversation):
            return None
        if action is Action.MESSAGE_READ:
            await self._find(conversation, Action.MESSAGE_READ_METADATA)  # `hides` is asked for each message
        return await self._find(conversation, action)

    def hides(self, conversation: Conversation, address: Address, action: Action) -> bool:
        """Whether that message is out of a sight that is known; of one that isn't, everything is."""
        if not partly(conversation):
            return False
        key = (conversation.id, action)
        if key not in self._found:
            return True
        sight = self._found[key]
        return sight is not None and not sight.sees(address)

    def forget(self, conversation_id: PydanticObjectId) -> None:
        """It has changed."""
        self._found = {key: sight for key, sight in self._found.items() if key[0] != conversation_id}
        self._made.clear_all()

    async def _find(self, conversation: Conversation, action: Action) -> Sight | None:
        key = (conversation.id, action)
        if key not in self._found:
            branches = self._shared(conversation, action)
            self._found[key] = None if branches is None else await self._made.load((conversation, branches))
        return self._found[key]


async def _make(tree: MessageTree, asked: list[_Asked]) -> list[Sight]:
    return list(await asyncio.gather(*(tree.sight(*each) for each in asked)))


async def message_at(tree: MessageTree, conversation: Conversation, address: Address) -> Resource:
    """One message, to ask about whom you like: of the shares of branches those only on whose paths it lies."""
    about = message_resource(conversation)
    paths = [_branches(share) for share in conversation.shares]
    sights = {path: await tree.sight(conversation, path) for path in set(paths) if path}
    kept = (fact for fact, path in zip(about.shares, paths, strict=True) if not path or sights[path].sees(address))
    return replace(about, shares=tuple(kept))


def _branches(share: Share) -> frozenset[str]:
    """Those on whose paths it shows everything; none where it shows the whole conversation."""
    return frozenset() if share.branch is None else frozenset({share.branch, *share.forks})


def _key(asked: _Asked) -> tuple[PydanticObjectId, frozenset[str]]:
    conversation, branches = asked
    return conversation.id, branches


def partly(conversation: Conversation) -> bool:
    """Whether some branch of it is shared by itself."""
    shares = conversation.shares
    return bool(shares) and any(share.branch is not None for share in shares)
