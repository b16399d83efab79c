"""A client for an endpoint that may misbehave: nothing that it sends takes more memory than is allowed.

It follows no redirects, and takes nothing that is packed: both would let an endpoint have us do what nobody set up.
"""

import ssl
from collections.abc import AsyncIterator
from functools import cache
from typing import Final

import httpx2

LINE: Final = 1024 * 1024
"""Bytes without an end of line: what is read is kept until there is one."""
CONNECT_SECONDS: Final = 10.0


class UnboundedError(httpx2.ReadError):
    """More came than is allowed."""

    unbounded = True


class Bounded(httpx2.AsyncBaseTransport):
    """A transport whose responses have at most `limit` bytes."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As the inner one does."""
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise UnboundedError("packed")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Counted(response.stream, self._limit)
        return response

    async def aclose(self) -> None:
        """Give every connection back."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        line = 0
        async for chunk in self._inner:
            self._left -= len(chunk)
            end = chunk.rfind(b"\n")
            line = line + len(chunk) if end < 0 else len(chunk) - end
            if self._left < 0 or line > LINE:
                raise UnboundedError("too long")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@cache
def _authorities() -> ssl.SSLContext:
    """Whom we trust to say who an endpoint is; read once, which takes a while."""
    return httpx2.create_ssl_context()


def bounded_client(limit: int, silence: float) -> httpx2.AsyncClient:
    """`limit`: bytes of a response; `silence`: seconds without any."""
    return httpx2.AsyncClient(
        transport=Bounded(httpx2.AsyncHTTPTransport(verify=_authorities()), limit),
        timeout=httpx2.Timeout(silence, connect=CONNECT_SECONDS),
        follow_redirects=False,
    )
