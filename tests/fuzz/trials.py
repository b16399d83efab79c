"""Cases, sent many at a time, and what was wrong with their answers."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar

import httpx
import orjson

from tests.fuzz.exchange import BOUND_SECONDS, Sent, exchange
from tests.fuzz.frames import closes
from tests.fuzz.grammar import Asked
from tests.fuzz.judging import Judge, statuses

AT_ONCE: Final = 12
CRASHES: Final = frozenset({1006, 1011, 4500})
"""Codes that tell of a fault of the server."""
Case = TypeVar("Case")


@dataclass(frozen=True)
class Answer:
    """`kind` is for the tables: a status, a close code or an error's code."""

    kind: str
    seconds: float
    faults: tuple[str, ...] = ()
    told: bytes = b""


async def send_all(given: Iterable[Case], send: Callable[[Case], Awaitable[Answer]]) -> list[tuple[Case, Answer]]:
    """A dozen at a time."""
    left = iter(given)

    async def work() -> list[tuple[Case, Answer]]:
        return [(case, await send(case)) for case in left]

    return list(chain.from_iterable(await asyncio.gather(*(work() for _ in range(AT_ONCE)))))


@dataclass(frozen=True)
class Port:
    """Where raw bytes go."""

    host: str
    number: int
    judge: Judge

    async def http(self, sent: Sent) -> Answer:
        """Requests, and all that is no request."""
        heard = await exchange(self.host, self.number, sent)
        found = statuses(heard.data)
        unanswered = ["not answered"] if sent.whole and len(found) < 1 else []
        hung = [] if heard.ended else ["hangs"]
        faults = [*self.judge.faults(heard.data, found), *unanswered, *hung]
        return Answer(str(found[0]) if found else "closed", heard.seconds, tuple(faults), heard.data)

    async def frames(self, sent: Sent, hidden: Iterable[str] = ()) -> Answer:
        """A handshake and frames."""
        heard = await exchange(self.host, self.number, sent)
        codes = closes(heard.data)
        crashed = [f"close {code}" for code in codes if code in CRASHES]
        hung = [] if heard.ended else ["hangs"]
        faults = [*self.judge.faults(heard.data, statuses(heard.data[:20]), hidden), *crashed, *hung]
        return Answer(str(codes[0]) if codes else "no close frame", heard.seconds, tuple(faults), heard.data)


async def ask(
    http: httpx.AsyncClient, judge: Judge, asked: Asked, token: str | None, hidden: Iterable[str] = ()
) -> Answer:
    """A document as a request; its answer must be one of GraphQL."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    began = time.perf_counter()
    try:
        answer = await http.post("/graphql", content=_json(asked), headers=headers, timeout=BOUND_SECONDS)
    except httpx.TimeoutException:
        return Answer("none", time.perf_counter() - began, ("hangs",))
    body: Any = None
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(answer.content)
    shaped = isinstance(body, dict) and bool(body.keys() & {"data", "errors"})
    faults = [
        *judge.faults(answer.content, [answer.status_code], hidden),
        *([] if shaped else ["no answer of GraphQL"]),
    ]
    return Answer(_kind(body, answer.status_code), time.perf_counter() - began, tuple(faults), answer.content)


def _kind(body: Any, status: int) -> str:
    try:
        code = str(body["errors"][0]["extensions"]["code"])
        some = isinstance(body.get("data"), dict) and any(each is not None for each in body["data"].values())
    except (KeyError, TypeError, IndexError):
        return "data" if status == 200 else str(status)
    return f"data, and {code}" if some else code


def _json(asked: Asked) -> bytes:
    """Half a surrogate pair and integers of any size, as others' encoders write them."""
    return json.dumps(asked).encode()
