"""The message that an answer is written into: begun once for each request, whoever works on it.

That it may have been begun is noted before it is, and it is begun under a key that is the request's. So whoever takes
the request after a worker that died finds the message, or that there is none.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from api.assistant.claim import Claim
from api.assistant.endpoint import EndpointError
from api.assistant.rights import Parties
from api.contexts import ServedContext, acting
from models.answer import AnswerFailure
from models.bucket import MessageRole, MessageStatus, Metadata
from models.conversation import Conversation
from models.tree import Address, Appended, Draft
from permissions.actions import Action
from resolvers.chat.events import announce_message
from resolvers.chat.manuscripts import Manuscript
from resolvers.chat.writing import Pen
from resolvers.errors import NotFoundError, TooFastError

NO_METADATA: Final = Metadata()


@dataclass
class Reply:
    """To the request of `claim`."""

    claim: Claim
    said: bool = False
    """Whether something was written, or may be: then it isn't begun anew."""
    _manuscript: Manuscript | None = None
    _length: int = 0

    @property
    def begun(self) -> bool:
        """Whether this worker has it."""
        return self._manuscript is not None

    async def begin(self, parties: Parties) -> Address:
        """New or found: on a branch of its own where something follows already. Raises `LostError`."""
        claim, request = self.claim, self.claim.request
        await claim.renew(begun=True)
        draft = Draft(
            role=MessageRole.ASSISTANT,
            content="",
            author_id=claim.desk.account_id,
            status=MessageStatus.STREAMING,
            metadata=Metadata(llm_model=claim.desk.rules.model),
            idempotency_key=f"answer:{request.id}",
        )
        pen = Pen(parties.asker, parties.conversation, Action.MESSAGE_APPEND)
        appended = await pen.append(Address.parse(request.message), draft)
        await claim.renew(answer=str(appended.address))
        request.begun, request.answer = True, str(appended.address)
        self._manuscript = self._of(parties.writer, parties.conversation, appended.address)
        await self._show(parties, appended)
        return appended.address

    async def left_whole(self, parties: Parties) -> bool:
        """Whether a worker that died left a whole answer; raise where it left a part. Else go on with what is there."""
        late, address = self.claim.late, await self.begin(parties)
        writer, place = parties.writer, (parties.conversation.id, address)
        row = await writer.loaders.rows.load(place)
        if row is None or row.message.get("deleted_at"):
            raise NotFoundError("Message")
        status = row.message.get("status", MessageStatus.COMPLETE)
        if status == MessageStatus.COMPLETE:
            return True
        unsaved = await writer.texts.texts(parties.conversation.id, [address])
        if status != MessageStatus.STREAMING or row.message.get("content") or unsaved.get(address):
            raise EndpointError(AnswerFailure.INTERRUPTED)
        if late:
            raise EndpointError(late)
        return False

    async def say(self, text: str) -> None:
        """Write on, as far as there is room. Raises `EndpointError` where there is none."""
        desk = self.claim.desk
        room = min(desk.rules.answer_bytes, desk.services.tree.limits.message_bytes) - self._length
        said = text.encode()[:room].decode(errors="ignore")
        if said:
            self.said = True
            try:
                await self._append(said)
            except TooFastError as error:
                await asyncio.sleep(error.retry_after)
                await self._append(said)
        if len(text.encode()) > room:
            raise EndpointError(AnswerFailure.TOO_LONG)

    async def finish(self, parties: Parties, metadata: Metadata) -> None:
        """It is whole. Raises `EndpointError` where nothing was said."""
        if self._manuscript is None:
            raise EndpointError(AnswerFailure.MALFORMED)
        parties.writer.loaders.forget(parties.conversation.id)
        await self._manuscript.finish(self._length, metadata)

    async def interrupt(self) -> None:
        """What was said of it is all, if it was begun."""
        request, desk = self.claim.request, self.claim.desk
        if self._manuscript is None and request.answer is not None:
            writer = await acting(desk.services, desk.account_id, {})
            conversation = await writer.loaders.conversations.load(request.conversation_id)
            self._manuscript = conversation and self._of(writer, conversation, Address.parse(request.answer))
        if self._manuscript is not None:
            await self._manuscript.interrupt(NO_METADATA)

    async def _append(self, said: str) -> None:
        if self._manuscript is not None:
            self._length = await self._manuscript.append(self._length, said)

    async def _show(self, parties: Parties, appended: Appended) -> None:
        """Let it grow, and tell of it."""
        writer, id_, author = parties.writer, parties.conversation.id, self.claim.desk.account_id
        if appended.message.get("status") == MessageStatus.STREAMING:
            await writer.texts.hold(id_, appended.address, author)
            await writer.texts.open(id_, appended.address, author, appended.message.get("content", ""))
        if appended.forked:  # whoever asks for another answer wants to see it
            await writer.tree.choose(parties.conversation, self.claim.request.asker_id, appended.address.branch)
        await announce_message(writer.broker, await parties.current(), appended.address, again=not appended.fresh)
        await self.claim.tell()

    def _of(self, writer: ServedContext, conversation: Conversation, address: Address) -> Manuscript:
        return Manuscript(writer, conversation, address, self.claim.desk.account_id)
