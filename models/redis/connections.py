"""Connections to Redis that let go of whoever gives a command up."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError


class Writing:
    """Sends without `asyncio.wait_for`, within which redis-py sends: it may swallow a cancellation (Python 3.11), and
    whoever was cancelled goes on for ever. It also makes a task of each command."""

    async def send_packed_command(self: Any, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """See redis-py. Raises `RedisError`."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        whole = command.encode() if isinstance(command, str) else command
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([whole] if isinstance(whole, bytes) else whole)
        except BaseException as error:  # how much of it was sent nobody knows
            await self.disconnect(nowait=True)
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError("Timeout writing to socket") from None
            if isinstance(error, OSError):
                raise RedisConnectionError(f"Error while writing to socket: {error}") from error
            raise


class PlainConnection(Writing, Connection):
    """By TCP."""


class TlsConnection(Writing, SSLConnection):
    """By TLS."""


class LocalConnection(Writing, UnixDomainSocketConnection):
    """To a server on this machine."""


KINDS: Final[dict[Any, Any]] = {
    Connection: PlainConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: LocalConnection,
}
"""In place of redis-py's."""
