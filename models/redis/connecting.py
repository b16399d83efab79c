"""How connections to Redis behave."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.driver_info import DriverInfo

TIMEOUT_SECONDS: Final = 5.0
RETRIES: Final = 10
FIRST_SECONDS: Final = 0.01
LONGEST_SECONDS: Final = 1.0
DRIVER: Final = DriverInfo()
"""What connections call themselves. Each would look the version up on disk: 0.5 ms."""


@dataclass(frozen=True, slots=True)
class Manner:
    """`connections` to a server at most: who finds none free waits. `seconds`: for a connection, and for an answer.

    A command whose answer was lost is sent `retries` times more, with growing pauses: with 0, nothing is ever done
    twice, and nothing waits for a failover.
    """

    connections: int = 100
    retries: int = RETRIES
    seconds: float = TIMEOUT_SECONDS
    protocol: int | None = None

    def options(self, retries: int | None = None) -> dict[str, Any]:
        """Of a pool, as redis-py names them."""
        return {
            "driver_info": DRIVER,
            "max_connections": self.connections,
            "timeout": self.seconds,
            "protocol": self.protocol,
            "retry": _retry(self.retries if retries is None else retries),
            "socket_timeout": self.seconds,
            "socket_connect_timeout": self.seconds,
            "socket_keepalive": True,
        }

    def pauses(self) -> Iterator[float]:
        """Seconds before each further try."""
        backoff = _backoff()
        return (backoff.compute(failures) for failures in range(1, self.retries + 1))


def _retry(retries: int) -> Retry:
    return Retry(_backoff(), retries) if retries else Retry(NoBackoff(), 0)


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(base=FIRST_SECONDS, cap=LONGEST_SECONDS)
