"""Files and the messages that they go with: claimed before, noted after."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from beanie import PydanticObjectId

from models.attachments.files import Claim
from models.attachments.store import claim_for
from models.conversation import Conversation
from models.tree import Address, Draft
from models.tree.errors import TreeError
from permissions.errors import DeniedError
from resolvers.chat.attachment import KIND
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.ids import object_id

FIELD: Final = "attachmentIds"


class Attaching:
    """One draft and its files."""

    def __init__(self, context: Context, claim: Claim | None, draft: Draft) -> None:
        self._context = context
        self._claim = claim
        self.draft = draft

    async def stored(self, address: Address) -> None:
        """The message is there."""
        if self._claim is not None:
            await self._context.attachments.attach(self._claim, address)


@asynccontextmanager
async def attaching(
    context: Context, conversation: Conversation, parent: Address | None, draft: Draft, given: Sequence[str] | None
) -> AsyncIterator[Attaching]:
    """The draft with the files of these ids, which are its author's and in no message yet.

    Raises `BadInputError`, `UnattachableError`. Where the message could not be stored, they can be attached again.
    Where that isn't known (a store fell silent, or an earlier try with the same key may have stored it), it is found
    out later.
    """
    ids = _ids(given, context.attachments.limits.per_message)
    if not ids or draft.author_id is None:
        yield Attaching(context, None, draft)
        return
    draft.check(context.tree.limits)
    claim = claim_for(conversation.id, draft.author_id, parent, draft, ids)
    files = await context.attachments.claim(claim)
    try:
        yield Attaching(context, claim, replace(draft, attachments=tuple(files)))
    except (TreeError, DeniedError):
        if draft.idempotency_key is None:
            await context.attachments.release(claim)
        raise


def _ids(given: Sequence[str] | None, most: int) -> list[PydanticObjectId]:
    if given is None:
        return []
    if len(given) > most:
        raise BadInputError(FIELD, f"must be {most} at most")
    ids = [object_id(each, KIND, FIELD) for each in given]
    if len(set(ids)) < len(ids):
        raise BadInputError(FIELD, "names one more than once")
    return ids
