"""PyMongo's exchange of a message over a connection, by the task that waits itself.

PyMongo 4.20 has three tasks for each call: one that writes (on Python 3.11), one that reads, and one that looks whether
the connection's operations are cancelled. When an answer is there, six turns of the event loop pass until who waits has
it; in each, all others take a step. Here it is one turn, no task, and a timer that seldom fires.
"""

import asyncio
import time
from typing import Any, Final

import pymongo.asynchronous.pool
from pymongo import _csot
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.common import MAX_MESSAGE_SIZE
from pymongo.errors import ProtocolError, _OperationCancelled
from pymongo.message import _UNPACK_REPLY, _OpMsg
from pymongo.network_layer import PyMongoProtocol

POLL_SECONDS: Final = 0.5
"""How often it is looked whether operations were cancelled, as those are when a pool is emptied."""


async def send(protocol: PyMongoProtocol, message: bytes) -> None:
    """Raises `OSError` where the connection is closed. To write waits for nothing, so there is no limit to it."""
    await protocol.write(message)


async def receive(
    connection: AsyncConnection, request_id: int | None, max_message_size: int = MAX_MESSAGE_SIZE
) -> _OpMsg:
    """The next reply. Raises what PyMongo's own `async_receive_message` does, when it does."""
    try:
        async with asyncio.timeout(None) as limit:
            with _Watch(connection, limit):
                read = connection.conn.get_conn.read(request_id, max_message_size)
                data, op_code = await read
    except TimeoutError:
        if connection.cancel_context.cancelled:
            raise _OperationCancelled("operation cancelled") from None
        raise TimeoutError("timed out") from None
    if op_code not in _UNPACK_REPLY:
        raise ProtocolError(f"Got opcode {op_code!r} but expected {_UNPACK_REPLY.keys()!r}")
    return _UNPACK_REPLY[op_code](data)


class _Watch:
    """Within the block a wait ends at its deadline, or soon after the connection's operations were cancelled."""

    __slots__ = ("_context", "_deadline", "_limit", "_loop", "_timer")

    def __init__(self, connection: AsyncConnection, limit: asyncio.Timeout) -> None:
        self._context: Final = connection.cancel_context
        self._deadline: Final = _deadline(connection)
        self._limit: Final = limit
        self._loop: Final = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._look()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        left = POLL_SECONDS if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0 or self._context.cancelled:
            self._limit.reschedule(self._loop.time())  # what is there by now is read all the same
        else:
            self._timer = self._loop.call_later(min(left, POLL_SECONDS), self._look)


def _deadline(connection: AsyncConnection) -> float | None:
    """By `time.monotonic`; None where there is none."""
    if _csot.get_timeout():
        return _csot.get_deadline()
    seconds = connection.conn.gettimeout
    return time.monotonic() + seconds if seconds else None


def install() -> None:
    """Have all clients of this process do so. Where PyMongo calls it something else by now, it goes its own way."""
    names: dict[str, Any] = vars(pymongo.asynchronous.pool)
    names["async_sendall"], names["async_receive_message"] = send, receive
