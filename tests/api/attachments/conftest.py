"""Files, and whoever sends and fetches them."""

import secrets
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from models.attachments.files import FileState
from models.database import Record
from tests.resolvers.chat.documents import start
from tests.served import Answer, Caller, Served

APPEND = """mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message {
  id content attachments { id name mediaType size sha256 url } } } }"""
EDIT = """mutation ($input: EditMessageInput!) { editMessage(input: $input) { message {
  id editedFrom { attachments { id } } attachments { id } } } }"""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


@dataclass
class Sender:
    """Somebody who sends files, and attaches them in a conversation of hers."""

    caller: Caller
    chat: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.caller.token}"} if self.caller.token else {}

    async def upload(self, data: bytes = PNG, name: str = "a.png", **headers: str) -> httpx.Response:
        return await self.post(form(data, name), **headers)

    async def post(self, body: bytes | AsyncIterable[bytes], **headers: str) -> httpx.Response:
        kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.caller.http.post("/attachments", content=body, headers={**self.headers, **kind, **given})

    async def uploaded(self, data: bytes = PNG, name: str = "a.png") -> str:
        """Its id."""
        answer = await self.upload(data, name)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def append(self, *ids: str, content: str = "see", **more: Any) -> Answer:
        sent = {"conversationId": self.chat, "content": content, "attachmentIds": list(ids), **more}
        return await self.caller.ask(APPEND, input=sent)

    async def attached(self, data: bytes = PNG, name: str = "a.png") -> dict[str, Any]:
        """A new message with a file."""
        answer = await self.append(await self.uploaded(data, name))
        message: dict[str, Any] = answer.data["appendMessage"]["message"]
        return message

    async def get(self, id: str, method: str = "GET", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.caller.http.request(method, f"/attachments/{id}", headers={**self.headers, **given})


BOUNDARY = secrets.token_hex(16)


def form(data: bytes, name: str = "a.png", field: str = "file", boundary: str = BOUNDARY) -> bytes:
    """A body, as browsers write it."""
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode(errors="surrogateescape")
    head = b'Content-Disposition: form-data; name="%b"; filename="%b"' % (field.encode(), escaped)
    lines = [b"--" + boundary.encode(), head, b"Content-Type: text/html", b"", data]
    return b"\r\n".join([*lines, b"--" + boundary.encode() + b"--", b""])


@pytest.fixture
async def alice(served: Served) -> Sender:
    caller = await served.as_("alice")
    return Sender(caller, await start(caller))


async def sender(served: Served, name: str) -> Sender:
    caller = await served.as_(name)
    return Sender(caller, await start(caller))


async def files(served: Served) -> list[Record]:
    """All that are stored."""
    return await served.services.database.db["attachments.files"].find({}).to_list()


async def states(served: Served) -> list[FileState]:
    return [FileState(each["state"]) for each in await files(served)]


async def chunks(served: Served) -> int:
    """How many pieces are stored."""
    return len(await served.services.database.db["attachments.chunks"].find({}, {"_id": 1}).to_list())


async def streamed(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
