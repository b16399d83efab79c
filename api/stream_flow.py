"""Whether the client of an event stream reads; who may not hear any more, and doesn't read, is hung up on."""

import asyncio
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

from permissions.authn.cutoff import Cutoff

HANG_UP_SECONDS: Final = 5.0
"""How long a client may not read to whom nothing is left to be told but why: twice that, at most."""


class StreamFlow:
    """Of one stream. Without `flow` nothing is known of its connection: nothing waits, then."""

    def __init__(self, flow: FlowControl | None, cutoff: Cutoff) -> None:
        self._flow: Final = flow
        self._cutoff: Final = cutoff

    async def waits(self) -> bool:
        """Return when more can be written, and whether it had to wait. Raise `OSError` where he was hung up on."""
        flow, waited = self._flow, False
        while flow is not None and flow.write_paused:
            waited, over = True, self._over
            try:
                async with asyncio.timeout(HANG_UP_SECONDS):
                    await flow.drain()
            except TimeoutError:
                if over:
                    flow._transport.abort()
                    raise ConnectionAbortedError("the client does not read") from None
        return waited

    def ended(self) -> None:
        """All is written. What lies in the connection by then has to be read, too."""
        if self._flow is not None and self._over and (left := self._left(self._flow)):
            asyncio.get_running_loop().call_later(HANG_UP_SECONDS, self._look, self._flow, left)

    @property
    def _over(self) -> bool:
        return self._cutoff.cut is not None or bool(self._cutoff.lost)

    def _look(self, flow: FlowControl, before: int) -> None:
        """Nothing of it was read, and nothing was asked on the same connection since."""
        if self._left(flow) == before:
            flow._transport.abort()

    @staticmethod
    def _left(flow: FlowControl) -> int:
        return flow._transport.get_write_buffer_size()
