"""Group commit: what waits to be written goes to the chain with one call, so that waiting is about one insert long."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from models.database import Record
from permissions.audit.anchors import Anchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Head, Sealer
from permissions.audit.events import MISSED, missed

_log: Final = structlog.get_logger(__name__)

BLOCK_RECORDS: Final = 200
COMMIT_RECORDS: Final = 1_000
"""Records that are stored with one call: where many wait, in several blocks."""
LATER_RECORDS: Final = 50
"""Of a block, at most so many are records that nobody waits for: making and sealing them keeps everybody waiting."""
STOPPING_SECONDS: Final = 3.0
"""How long what still waits may take when the worker stops."""
ANCHOR_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 1.0
"""After a failure, how long until the next try where nobody waits."""

Later = Callable[[], Record]
"""Makes a record when its turn comes, outside the request that it tells of."""


@dataclass(frozen=True, slots=True)
class Urgent:
    """Records that somebody waits for."""

    records: Sequence[Record]
    written: asyncio.Future[None]
    maybe: frozenset[str]
    """Decisions among them that may be stored already."""


class Writer:
    """One a worker. `async with` it: a task of its own writes, so nobody who leaves takes a write with him.

    `delay` in seconds is how long what nobody waits for may lie; of it at most `queue` records do, others are dropped
    and counted. What somebody waits for is never dropped: it is written, or he is told.
    """

    def __init__(self, blocks: Blocks, anchor: Anchor, sealer: Sealer, *, delay: float, queue: int) -> None:
        self._blocks: Final = blocks
        self._anchor: Final = anchor
        self._sealer: Final = sealer
        self._delay: Final = delay
        self._room: Final = queue
        self._urgent: Final[deque[Urgent]] = deque()
        self._later: Final[deque[Later]] = deque()
        self._missed = 0
        self._wake: Final = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._head: Head | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> "Writer":
        self._task = asyncio.create_task(self._run(), name="audit writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        """Return when they are stored. Raise `PyMongoError` if perhaps they are not.

        `maybe` are the ids of decisions that may be stored already, by an earlier try: they are not stored twice.
        """
        loop = asyncio.get_running_loop()
        waiting = [
            Urgent(records[first : first + BLOCK_RECORDS], loop.create_future(), maybe)
            for first in range(0, len(records), BLOCK_RECORDS)
        ]
        self._urgent.extend(waiting)
        self._wake.set()
        await asyncio.gather(*(each.written for each in waiting))

    def offer(self, records: Sequence[Later], missed: int = 0) -> int:
        """Write them soon, as many as there is room for: their number. `missed` more were lost before they came."""
        room = max(0, self._room - len(self._later))
        self._later.extend(records[:room])
        self._missed += missed + max(0, len(records) - room)
        if len(self._later) >= LATER_RECORDS:
            self._wake.set()
        elif self._later or self._missed:
            self._start_timer(self._delay)
        return min(room, len(records))

    @property
    def full(self) -> bool:
        """Whether there is no room for what nobody waits for."""
        return len(self._later) >= self._room

    @property
    def waiting(self) -> int:
        """How many records lie here that nobody waits for."""
        return len(self._later)

    async def flush(self) -> None:
        """Write all that lies here."""
        while self._later or self._missed:
            await self.write(self._next(LATER_RECORDS))

    async def close(self) -> None:
        """Write what lies here, and stop."""
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self.flush(), STOPPING_SECONDS)
        except (TimeoutError, PyMongoError):
            _log.warning("audit records lost at the end", number=len(self._later) + self._missed)
        self._closing = True
        self._wake.set()
        # What is stored is told elsewhere, too, before the task ends: to cancel it there would lose that.
        _, unfinished = await asyncio.wait([self._task], timeout=2 * ANCHOR_SECONDS)
        for task in unfinished:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._task = None
        self._stop_timer()
        for each in self._urgent:
            each.written.cancel()

    async def _run(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            self._stop_timer()
            stored = True
            while self._urgent or (stored and (self._later or self._missed)):
                stored = await self._commit()
            if not stored:
                self._start_timer(AGAIN_SECONDS)

    async def _commit(self) -> bool:
        """What somebody waits for, and what there is room for of the rest. False if it failed."""
        urgent, parts = self._next_urgent()
        before, rest = self._missed, self._next(min(LATER_RECORDS, BLOCK_RECORDS - len(parts[-1])))
        told = before - self._missed
        parts[-1] += rest
        try:
            await self._store(parts, frozenset().union(*(each.maybe for each in urgent)))
        except Exception as error:  # a task that dies would leave everybody waiting
            # It may have arrived all the same: written again, it might stand there twice.
            self._missed += told + sum(each["kind"] != MISSED for each in rest)
            _log.warning("audit records not written", number=sum(map(len, parts)), kind=type(error).__name__)
            _settle(urgent, error)
            return False
        _settle(urgent, None)
        await self._move_anchor()
        return True

    def _next_urgent(self) -> tuple[list[Urgent], list[list[Record]]]:
        """Of what somebody waits for: as much as is stored together, and in which blocks."""
        urgent: list[Urgent] = []
        parts: list[list[Record]] = [[]]
        room = COMMIT_RECORDS
        while self._urgent and len(self._urgent[0].records) <= room:
            urgent.append(self._urgent.popleft())
            records = urgent[-1].records
            room -= len(records)
            if len(parts[-1]) + len(records) > BLOCK_RECORDS:
                parts.append([])
            parts[-1] += records
        return urgent, parts

    def _next(self, room: int) -> list[Record]:
        """Of what nobody waits for: as much as there is room for, and what was lost."""
        records = [self._later.popleft()() for _ in range(min(room, len(self._later)))]
        if self._missed and room > 0:
            records.append(missed(self._missed))
            self._missed = 0
        return records

    async def _store(self, parts: Sequence[Sequence[Record]], maybe: frozenset[str]) -> None:
        if self._head is None:
            self._head = await self._first_head()
        self._head = await self._blocks.append(self._head, parts, self._sealer, maybe)

    async def _first_head(self) -> Head:
        """Where to go on. Where blocks are gone from the end, after those: the gap stays for all to see."""
        kept = await self._anchor.read()
        end = await (self._blocks.search_end() if kept is None else self._blocks.end(kept))
        if kept is not None and await self._blocks.head(kept.number) is None:
            _log.error("the end of the audit log is gone", block=kept.number)
        return end

    async def _move_anchor(self) -> None:
        if self._head is None:
            return
        try:
            async with asyncio.timeout(ANCHOR_SECONDS):
                await self._anchor.move(self._head)
        except (RedisError, TimeoutError):
            _log.warning("audit anchor not moved", block=self._head.number)

    def _start_timer(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _settle(urgent: Sequence[Urgent], error: Exception | None) -> None:
    for each in urgent:
        if each.written.done():
            continue  # whoever waited has left
        if error is None:
            each.written.set_result(None)
        else:
            each.written.set_exception(error)
