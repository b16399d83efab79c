"""Whoever answers: takes requests from the queue, some at a time, as soon as it is told of them, and at the latest at
the next look."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_hex
from typing import Final

import structlog
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from api.assistant.attempt import Attempt
from api.assistant.desk import Desk
from api.assistant.turns import next_turn, share
from api.background import ended, running
from models.clock import now
from resolvers.chat.answering import CHANNEL, OF_USER
from resolvers.live import BrokerUnavailableError, Event

_log: Final = structlog.get_logger(__name__)

AGAIN_SECONDS: Final = 1.0
LOOKED_AT: Final = 2 * OF_USER
"""Requests for each place: however much two ask for, somebody else's are among them."""
STOP_SECONDS: Final = 4.0
"""How long answers may take to end in order when the worker stops; after that their leases run out."""


@dataclass
class Assistant:
    """Answers up to `most` at a time. `run` it until `stop`."""

    desk: Desk
    most: int = 4
    look_seconds: float = 2.0
    _attempts: dict[str, tuple[Attempt, asyncio.Task[None]]] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    def stop(self) -> None:
        """Take nothing any more, and end what is being answered."""
        self._stopping = True
        for attempt, _ in self._attempts.values():
            attempt.stopping = True
            attempt.told.set()
        self._wake.set()

    async def run(self) -> None:
        """Until it is stopped."""
        async with running(self._listen()):
            while not self._stopping:
                self._wake.clear()
                try:
                    await self._take()
                except PyMongoError as error:
                    _log.warning("store away", kind=type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self.look_seconds)
            tasks = [task for _, task in self._attempts.values()]
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in tasks:
                await ended(task)

    async def idle(self) -> None:
        """Return when nothing is to be done now, by this worker: for who looks by himself."""
        while self._attempts or await self._take():
            await asyncio.wait([task for _, task in self._attempts.values()])

    async def _take(self) -> int:
        """As many as there is room for, of each asker in turn; how many that were."""
        if len(self._attempts) >= self.most:
            return 0
        due = await self.desk.answers.due(now(), LOOKED_AT * self.most)
        waiting = {id_: asker for id_, asker in due.items() if id_ not in self._attempts}
        before = len(self._attempts)
        while len(self._attempts) < self.most:
            served = Counter(attempt.request.asker_id for attempt, _ in self._attempts.values())
            if (id_ := next_turn(waiting, served, share(self.most))) is None:
                break
            del waiting[id_]
            await self._claim(id_)
        return len(self._attempts) - before

    async def _claim(self, id_: str) -> None:
        until = now() + timedelta(seconds=self.desk.rules.lease_seconds)
        try:
            request = await self.desk.answers.claim(id_, token_hex(8), until)
        except ValidationError:  # a newer version's: that one answers it
            _log.warning("request not understood", request=id_)
            return
        if request is None:
            return
        attempt = Attempt(self.desk, request, stopping=self._stopping)
        self._attempts[id_] = attempt, asyncio.create_task(self._attempt(attempt))

    async def _attempt(self, attempt: Attempt) -> None:
        pause: float | None = None
        try:
            pause = await attempt.run()
        except Exception as error:
            _log.exception("answer failed", request=attempt.request.id, exc_info=error)
        finally:
            self._attempts.pop(attempt.request.id, None)
            self._wake.set()  # there is room
            if pause is not None:
                asyncio.get_running_loop().call_later(pause, self._wake.set)

    async def _listen(self) -> None:
        """What is said while nobody listens is found by looking."""
        while True:
            with contextlib.suppress(BrokerUnavailableError):
                async with self.desk.services.broker.subscribe(CHANNEL) as news:
                    self._wake.set()
                    async for item in news:
                        id_ = item.payload.decode(errors="replace") if isinstance(item, Event) else ""
                        if id_ in self._attempts:
                            self._attempts[id_][0].told.set()
                        else:
                            self._wake.set()
            await asyncio.sleep(AGAIN_SECONDS)


@asynccontextmanager
async def answering(assistant: Assistant) -> AsyncIterator[None]:
    """Have it answer within the block, and end in order."""
    task = asyncio.create_task(assistant.run())
    try:
        yield
    finally:
        assistant.stop()
        await asyncio.wait({task}, timeout=2 * STOP_SECONDS)
        await ended(task)
