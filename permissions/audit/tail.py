"""The newest of the audit log, for whoever follows it: one look at its end for all of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from models.database import Record
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Head

LOOK_SECONDS: Final = 0.5
"""So often the end is looked for, while anybody waits for it: whoever wrote there, a command or a worker that died."""


class AuditTail:
    """One a worker."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks: Final = blocks
        self._head: Head | None = None
        self._looking: asyncio.Task[int] | None = None

    async def end(self) -> int:
        """The number of the last block, 0 where there is none. Raises `PyMongoError`."""
        self._head = await self._blocks.end(self._head or await self._blocks.search_end())
        return self._head.number

    async def later(self) -> int:
        """The same in a moment."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def cut_to(self) -> int:
        """The number of the last block that was cut for its age."""
        return (await self._blocks.start()).number

    def walk(self, after: int, last: int) -> AsyncIterator[Record]:
        """The blocks from the one that follows `after` to `last`."""
        return self._blocks.walk(after, last)

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> int:
        await asyncio.sleep(LOOK_SECONDS)
        return await self.end()
