"""The task that ends messages whose writers have fallen silent, in one worker at a time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from api.background import running
from models.bucket import MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.lease import lease
from models.tree import Growing, MessageTree
from resolvers.chat.events import announce_end
from resolvers.live import Broker, Texts

_log: Final = structlog.get_logger(__name__)

SILENCE: Final = timedelta(seconds=60)
"""Who has written nothing for so long writes no more."""


@dataclass(frozen=True, slots=True)
class Interrupter:
    """Ends messages with all that had come."""

    db: AsyncDatabase[Record]
    tree: MessageTree
    texts: Texts
    broker: Broker
    silence: timedelta = SILENCE

    async def run(self) -> int:
        """Now, and return how many; none where another worker is at it."""
        if not await self.tree.silent(now() - self.silence):
            return 0
        async with lease(self.db, "interrupt") as held:
            found = await self.tree.silent(now() - self.silence) if held else []
            done = [each for each in found if await self._end(each)]
        if done:
            _log.info("messages interrupted", number=len(done))
        return len(done)

    async def _end(self, growing: Growing) -> bool:
        """Whoever seals it reads all of it: nothing is added after that. After a crash it is sealed again."""
        conversation_id, address = growing.conversation_id, growing.address
        sealed = await self.texts.seal(conversation_id, address, silent_ms=int(self.silence.total_seconds() * 1000))
        found = await self.db.conversations.find_one({"_id": conversation_id})
        if sealed.word == "live" or found is None:
            return False
        conversation = Conversation.model_validate(found)
        # What Redis has lost is stored up to the last step.
        text = sealed.text if sealed.word == "taken" else None
        ended = await self.tree.end(conversation, address, text, MessageStatus.INTERRUPTED)
        await self.texts.release(conversation_id, address, growing.author_id)
        if ended and (found := await self.db.conversations.find_one({"_id": conversation_id})):
            await announce_end(self.broker, Conversation.model_validate(found), address)
        return ended


@asynccontextmanager
async def interrupting(interrupter: Interrupter, seconds: float) -> AsyncIterator[None]:
    """Look for them so often within the block; not at all where `seconds` is 0."""
    if not seconds:
        yield
        return
    async with running(_for_ever(interrupter, seconds)):
        yield


async def _for_ever(interrupter: Interrupter, seconds: float) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1) * seconds)  # noqa: S311 - nobody gains by guessing it
        try:
            await interrupter.run()
        except (PyMongoError, RedisError) as error:  # it stays to be done
            _log.warning("not interrupted", kind=type(error).__name__)
