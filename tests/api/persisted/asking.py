"""Clients that name documents, over HTTP, event streams and sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from api.persisted import ApqLimits, PersistedOperations, PersistedSettings
from permissions.audit.events import SYSTEM
from permissions.operations.manifest import Entry, digest
from permissions.operations.registry import OperationRegister
from tests.api.test_socket_expiry import listening, opened
from tests.served import Served

ME: Final = "query Me { me { displayName } }"


def automatic(text: str, **more: Any) -> dict[str, Any]:
    """What Apollo Client sends of a document."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(text), **more}}}


@dataclass
class Asking:
    """One client, which sends what it likes."""

    http: httpx.AsyncClient
    headers: dict[str, str]

    async def post(self, **sent: Any) -> dict[str, Any]:
        """The answer to a request."""
        return dict((await self.http.post("/graphql", json=sent, headers=self.headers)).json())

    async def get(self, **sent: Any) -> dict[str, Any]:
        """The same, all of it in the address."""
        params = {key: value if isinstance(value, str) else json.dumps(value) for key, value in sent.items()}
        return dict((await self.http.get("/graphql", params=params, headers=self.headers)).json())


def told(answer: dict[str, Any]) -> str:
    """The code of the one error, or whose name came."""
    if "errors" in answer:
        (error,) = answer["errors"]
        assert answer.get("data") is None
        return str(error["extensions"]["code"])
    return str((answer["data"].get("me") or {}).get("displayName"))


async def asking(served: Served, name: str | None) -> Asking:
    """Somebody's client."""
    token = (await served.as_(name)).token if name else None
    return Asking(served.http, {"Authorization": f"Bearer {token}"} if token else {})


def serve_with(served: Served, settings: PersistedSettings) -> OperationRegister:
    """Have the server go by `settings`; its register."""
    operations = PersistedOperations(served.services.register, served.services.redis, settings)
    served.services = replace(served.services, operations=operations)
    served.app.state.services = served.services
    return served.services.register


class Sound:
    """Trusts anything."""

    def flaw(self, text: str) -> str | None:
        return None

    def name(self, text: str) -> str | None:
        return None


async def trust(served: Served, **texts: str) -> None:
    """Register these, by their ids, as seen at once by this worker."""
    await served.services.register.register([Entry(*each) for each in texts.items()], Sound(), SYSTEM)
    served.services.operations.catalog.forget()


@asynccontextmanager
async def over_socket(served: Served) -> AsyncIterator[Any]:
    """Sends an operation on Alice's socket, and gives the payload of what comes first."""
    token = (await served.as_("alice")).token or ""
    async with listening(served) as address, opened(address, token) as socket:

        async def ask(**payload: Any) -> Any:
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            first = json.loads(await socket.recv())
            if first["type"] == "next":
                await socket.send(json.dumps({"id": "1", "type": "complete"}))
            while first["type"] == "next" and json.loads(await socket.recv())["type"] != "complete":
                pass
            answer = first["payload"]
            return {"errors": answer} if isinstance(answer, list) else answer

        yield ask


LOW: Final = PersistedSettings(apq=ApqLimits(documents=6, bytes=1_000, per_user=3))
