"""Sends attacks to a served demo: each gives what was answered, and whether it was what the list says."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx
import orjson

from models.database import Database
from models.embedded import attach_or_start
from permissions.authn.keys import KeyRing
from tests.attacks.documents import ATTACKS, Attack
from tests.attacks.frames import FRAMES, Frames, handshake
from tests.attacks.http import REQUESTS, Request
from tests.benchmarks.servers import TICKS
from tests.demos import Demo
from tests.fuzz.exchange import Heard, Sent, exchange
from tests.fuzz.frames import closes
from tests.fuzz.judging import Judge, statuses
from tests.permissions.authn.attacks import attacks
from tests.permissions.authn.forgery import Forger

TRIES: Final = 5
MOST_SECONDS: Final = 0.05
"""A document may take so long, in the least of five tries: by the clock, or of the processor where others are busy."""
WHO: Final = "{ conversations(first: 1) { edges { cursor } } }"


@dataclass(frozen=True)
class Result:
    """One line of the table. `seconds` from the request to the end of the answer; `processor`: so long a worker ran."""

    attack: str
    answer: str
    code: str
    seconds: float
    wrong: str = ""
    processor: float | None = None


@dataclass(frozen=True)
class Attacker:
    """Has a demo to attack."""

    demo: Demo
    judge: Judge
    http: httpx.AsyncClient

    async def documents(self) -> AsyncIterator[Result]:
        """As an administrator, who may ask for most."""
        token = self.demo.person("root").token
        for attack in ATTACKS:
            yield await self._document(attack, token)

    async def _document(self, attack: Attack, token: str) -> Result:
        body = json.dumps({"query": attack.document, "variables": attack.variables}).encode()
        least = processor = float("inf")
        for _ in range(TRIES):
            before, began = cpu_seconds(self.demo), time.perf_counter()
            answer = await self.http.post("/graphql", content=body, headers=_headers(token))
            least = min(least, time.perf_counter() - began)
            processor = min(processor, cpu_seconds(self.demo) - before)
            if least < MOST_SECONDS:
                break
        code = _code(answer)
        wanted = {attack.code, "PAYLOAD_TOO_LARGE" if answer.status_code == 413 else attack.code}
        wrong = [] if attack.code is None or code in wanted else [f"not {attack.code}"]
        slow = [f"{processor * 1000:.0f} ms of the processor"] if min(least, processor) > MOST_SECONDS else []
        leaks = self.judge.faults(answer.content, [answer.status_code])
        faults = ", ".join([*wrong, *slow, *leaks])
        return Result(attack.name, str(answer.status_code), code, least, faults, processor)

    async def requests(self) -> AsyncIterator[Result]:
        """Bytes on a connection."""
        for attack in REQUESTS:
            heard = await exchange(self.demo.host, self.demo.port, Sent((attack.sent,), whole=True))
            yield self._request(attack, heard)

    def _request(self, attack: Request, heard: Heard) -> Result:
        found = statuses(heard.data)
        wrong = [] if found[:1] == [attack.status] else [f"not {attack.status}"]
        more = [f"{len(found)} answers"] if len(found) > attack.answers else []
        faults = [*wrong, *more, *([] if heard.ended else ["hangs"]), *self.judge.faults(heard.data, found)]
        answer = str(found[0]) if found else "closed"
        return Result(attack.name, answer, _code_in(heard.data), heard.seconds, ", ".join(faults))

    async def frames(self) -> AsyncIterator[Result]:
        """On a socket."""
        token = self.demo.person("alice").token
        for attack in FRAMES:
            opening = handshake(token if attack.signed_in else None)
            heard = await exchange(self.demo.host, self.demo.port, Sent((opening, attack.sent), greeted=True))
            yield self._closed(attack, heard)

    def _closed(self, attack: Frames, heard: Heard) -> Result:
        codes = closes(heard.data)
        wrong = [] if codes[:1] == [attack.code] else [f"not {attack.code}"]
        faults = [*wrong, *([] if heard.ended else ["hangs"]), *self.judge.faults(heard.data, [])]
        return Result(attack.name, "closed", str(codes[0] if codes else "-"), heard.seconds, ", ".join(faults))

    async def tokens(self) -> AsyncIterator[Result]:
        """Forged with the real key, and with all that is known of it."""
        async with forger_of(self.demo) as forger:
            for name, attack in attacks(forger.keys.signer().algorithm).items():
                bearer = b"Bearer " + attack(forger).encode(errors="surrogatepass")
                yield await self._token(name, bearer)

    async def _token(self, name: str, bearer: bytes) -> Result:
        began = time.perf_counter()
        body = orjson.dumps({"query": WHO})
        head = b"POST /graphql HTTP/1.1\r\nHost: parley.test\r\nContent-Type: application/json\r\nConnection: close\r\n"
        sent = head + b"Content-Length: %d\r\nAuthorization: %b\r\n\r\n%b" % (len(body), bearer, body)
        heard = await exchange(self.demo.host, self.demo.port, Sent((sent,)))
        found, code = statuses(heard.data), _code_in(heard.data)
        refused = code == "UNAUTHENTICATED" or found[:1] in ([400], [431])  # no header at all
        faults = [*([] if refused else ["not refused"]), *self.judge.faults(heard.data, found)]
        answer = str(found[0]) if found else "closed"
        return Result(name, answer, code, time.perf_counter() - began, ", ".join(faults))


@asynccontextmanager
async def forger_of(demo: Demo) -> AsyncIterator[Forger]:
    """Who has stolen the server's signing key."""
    with attach_or_start(Path(demo.parley.variables["DATA_DIR"])) as stores:
        async with await Database.connect(stores.mongodb_uri, "parley"):
            ring = KeyRing(demo.secret)
            await ring.load()
            yield Forger(ring)


def cpu_seconds(demo: Demo) -> float:
    """Of the workers' threads so far: where the system tells no more, in steps of 10 ms."""
    return sum(_ran(thread) for pid in demo.workers() for thread in Path(f"/proc/{pid}/task").iterdir())


def _ran(thread: Path) -> float:
    with suppress(OSError):
        return int((thread / "schedstat").read_text().split()[0]) / 1e9
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        stat = (thread / "stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS
    return 0.0


async def timed(demo: Demo, results: AsyncIterator[Result]) -> AsyncIterator[Result]:
    """The same, each with what the worker ran meanwhile, where that isn't known better."""
    before = cpu_seconds(demo)
    async for each in results:
        yield each if each.processor is not None else replace(each, processor=cpu_seconds(demo) - before)
        before = cpu_seconds(demo)


def _headers(token: str | None) -> dict[str, str]:
    return {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}


def _code(answer: httpx.Response) -> str:
    return _code_in(answer.content)


def _code_in(told: bytes) -> str:
    """The first error's."""
    return told.partition(b'"code":')[2].lstrip(b' "').partition(b'"')[0].decode(errors="replace")[:40] or "-"
