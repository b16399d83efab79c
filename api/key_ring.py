"""The signing keys as all workers see them: news at once, a look twice a second in case it is lost, a schedule.

A worker that is told nothing still stops signing with a retired key, and refuses a revoked one, within a second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from api.background import running
from permissions.authn.errors import AuthnError
from permissions.key_rotation import KeyRotation
from resolvers.live import Broker, BrokerUnavailableError

CHANNEL: Final = "signing_keys"
NEWS: Final = b"rotated"
LOOK_SECONDS: Final = 0.4
AGAIN_SECONDS: Final = 1.0

_log: Final = structlog.get_logger(__name__)


def announcer(broker: Broker) -> Callable[[], Awaitable[None]]:
    """Tells every worker that the ring has changed."""

    async def announce() -> None:
        try:
            await broker.publish(CHANNEL, NEWS)
        except BrokerUnavailableError:
            _log.warning("signing_keys.not_announced")

    return announce


@asynccontextmanager
async def following(broker: Broker, rotation: KeyRotation, days: int) -> AsyncIterator[None]:
    """Within the block the ring is kept up, and its key rotated when it has signed for `days`; 0 is never."""
    async with running(_listen(broker, rotation)), running(_look(rotation, days)):
        yield


async def _listen(broker: Broker, rotation: KeyRotation) -> None:
    while True:
        with contextlib.suppress(BrokerUnavailableError):
            async with broker.subscribe(CHANNEL) as items:
                async for _ in items:
                    with contextlib.suppress(AuthnError):  # `_look` says what is wrong
                        await rotation.ring.load()
        await asyncio.sleep(AGAIN_SECONDS)


async def _look(rotation: KeyRotation, days: int) -> None:
    fault: str | None = None
    while True:
        try:
            await _keep_up(rotation, days)
        except (AuthnError, PyMongoError) as error:
            if fault != (fault := type(error).__name__):  # once, not twice a second
                _log.warning("signing_keys.not_kept_up", kind=fault)
        else:
            fault = None
        await asyncio.sleep(LOOK_SECONDS)


async def _keep_up(rotation: KeyRotation, days: int) -> None:
    await rotation.ring.load()
    await rotation.ring.tidy()
    if days and (rotated := await rotation.rotate_if_due(timedelta(days=days))):
        _log.info("signing_keys.rotated", key_id=rotated.key_id)
