"""Who asks: each with contexts that all tell the same, at one moment."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Final, Self

import pytest
from starlette.requests import HTTPConnection

from api.contexts import ServedContext, proven
from permissions.access import Access
from tests.isolation.tenants import World

NOBODY: Final = "nobody"
FORGER: Final = "forger"
"""Whose token nobody issued."""
CALLERS: Final = ("root", "admin", "alice", "bob", "sara", "john", "guest", "carl", NOBODY, FORGER)


@dataclass
class People:
    """Of a world."""

    kept: dict[str, ServedContext] = field(default_factory=dict)

    @classmethod
    async def of(cls, world: World) -> Self:
        """All of them, judged now."""
        people = cls()
        for name in CALLERS:
            token = "forged" if name == FORGER else (await world.served.as_(name)).token if name != NOBODY else None
            people.kept[name] = await proven(_connection(world, token))
        return people

    def context(self, caller: str) -> ServedContext:
        """His, in which nothing was done yet."""
        kept = self.kept[caller]
        was = kept.access
        access = Access(was.snapshot, was.subject, was.env, was._refusal)
        context = replace(kept, access=access)
        context.measure_anew(context.answering.most)
        return context


def _connection(world: World, token: str | None) -> HTTPConnection:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    return HTTPConnection(
        {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "headers": headers,
            "client": ("203.0.113.7", 7),
            "state": {"request_id": "differential"},
            "app": world.served.app,
        }
    )


def still(patch: pytest.MonkeyPatch, at: int) -> None:
    """The clock stands, in nanoseconds, and cursors are sealed alike: both can be seen in answers."""
    patch.setattr("models.clock.time", SimpleNamespace(time_ns=lambda: at))
    patch.setattr("resolvers.sealing.secrets", SimpleNamespace(token_bytes=lambda size: bytes(size)))
