"""A long body, read piece by piece, from clients that may be slow but not too slow."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

PATIENCE_SECONDS: Final = 30.0
"""How long a client may be silent, or behind the least speed."""
LEAST_SPEED: Final = 16 * 1024
"""Bytes a second that a client must come to, once its patience is used up."""
LONGEST_SECONDS: Final = 1800.0


class BodyError(Exception):
    """Base of what is wrong with how a body comes."""


class BodyTooLongError(BodyError):
    """More bytes than are allowed."""


class BodyTooSlowError(BodyError):
    """It doesn't come to its end."""


class BodyCutError(BodyError):
    """The client is gone."""


async def pieces(request: Request, limit: int, patience: float = PATIENCE_SECONDS) -> AsyncIterator[bytes]:
    """The body's pieces. Raises `BodyError`."""
    loop = asyncio.get_running_loop()
    begun, size, stream = loop.time(), 0, request.stream()
    while True:
        # Who is ahead of the least speed still mustn't be silent for longer than the patience.
        spent = loop.time() - begun
        left = min(patience, patience + size / LEAST_SPEED - spent, LONGEST_SECONDS - spent)
        try:
            async with asyncio.timeout(max(left, 0)):
                piece = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlowError from None
        except ClientDisconnect:
            raise BodyCutError from None
        if piece is None:
            return
        size += len(piece)
        if size > limit:
            raise BodyTooLongError
        if piece:
            yield piece
