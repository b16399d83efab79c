"""An endpoint on a port of its own that answers as each test wants it to, well or not."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return event(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]} | more
    )


def event(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


USAGE = chunk(choices=[], usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})
DONE = b"data: [DONE]\n\n"


def says(*texts: str, finish: str = "stop") -> Behaviour:
    """A good answer."""
    return raw(HEAD, *map(chunk, texts), chunk(finish=finish), USAGE, DONE)


def raw(*parts: bytes) -> Behaviour:
    """These bytes, then the end of the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return behave


def status(code: int, *headers: str, body: bytes = b'{"error": {"message": "a secret"}}') -> Behaviour:
    lines = "".join(f"{each}\r\n" for each in headers)
    head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return raw(head.encode() + body)


@dataclass
class Held:
    """Says something, and the rest when it is let to. `gone`: the other side has closed the connection."""

    first: bytes
    rest: bytes = b""
    said: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self.first)
        await writer.drain()
        self.said.set()
        closed, free = asyncio.ensure_future(writer.wait_closed()), asyncio.ensure_future(self.free.wait())
        ended = asyncio.ensure_future(self._ended(writer))
        await asyncio.wait({closed, free, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not self.free.is_set():
            self.gone.set()
        for each in (closed, free, ended):
            each.cancel()
        await asyncio.gather(closed, free, ended, return_exceptions=True)
        writer.write(self.rest)

    reader: asyncio.StreamReader | None = None

    async def _ended(self, _: asyncio.StreamWriter) -> None:
        if self.reader is not None:
            await self.reader.read()


@dataclass
class Stub:
    """Behaves as it is told, one request after the other; after that it answers well."""

    url: str
    behaviours: deque[Behaviour] = field(default_factory=deque)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    otherwise: Callable[[str], Behaviour] = lambda _: says("fine")
    """By what was said last."""

    def will(self, *behaviours: Behaviour) -> None:
        self.behaviours.extend(behaviours)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """What it was sent last."""
        return [(each["role"], each["content"]) for each in self.asked[-1]["messages"]]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        headers = {name.lower(): value for name, value in fields.items()}
        self.asked.append(orjson.loads(await reader.readexactly(int(headers["content-length"]))))
        self.keys.append(headers.get("authorization", ""))
        behave = self.behaviours.popleft() if self.behaviours else self.otherwise(self.sent[-1][1])
        if isinstance(behave, Held):
            behave.reader = reader
        try:
            await behave(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def stub() -> AsyncIterator[Stub]:
    """One that listens."""
    made = Stub("")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()
