"""One error for a store that does not answer, whichever way it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from permissions.authn.errors import AuthnUnavailableError

ANSWER_SECONDS: Final = 5.0
"""A frozen store counts as one that is away."""


@asynccontextmanager
async def answering(store: str) -> AsyncIterator[None]:
    """Raise `AuthnUnavailableError` where the calls inside fail or take longer than `ANSWER_SECONDS`."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except (PyMongoError, RedisError, OSError, TimeoutError) as error:
        raise AuthnUnavailableError(store) from error
