"""All fuzzers at once against served workers, for as many cases as wanted: what was answered, and what was wrong."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from threading import Event
from typing import Any, Final

import httpx
from hypothesis import strategies as st

from tests.api.clients import Person, ask
from tests.demos import Demo, resident
from tests.fuzz.exchange import Sent
from tests.fuzz.frames import conversations
from tests.fuzz.generating import endless
from tests.fuzz.grammar import RULING, Asked, documents
from tests.fuzz.judging import Judge
from tests.fuzz.pools import Place
from tests.fuzz.requests import requests
from tests.fuzz.schema import SCHEMA
from tests.fuzz.stock import seasoned, stock
from tests.fuzz.trials import Answer, Port, send_all
from tests.fuzz.trials import ask as ask_document
from tests.fuzz.values import Values

RULERS: Final = ("root", "admin")
PEOPLE: Final = ("alice", "bob", "sara", "john", "guest")
NOBODY: Final = "nobody"
CHUNK: Final = 1_000
SHARES: Final = {"documents": 350, "each root field (schemathesis)": 150, "HTTP bytes": 300, "WebSocket bytes": 200}
"""Of a thousand cases."""
SAID: Final = "embedded MongoDB and Redis keep their data in"
"""For whoever starts the server, with the place."""
Round = Callable[[int], Coroutine[Any, Any, list[tuple[Any, Answer]]]]


PLACES: Final = """{ me { id } conversations(first: 5) { edges { cursor node { id owner { id }
messages(first: 4) { edges { cursor node { id branch { id } } } } } } } }"""


def place(edge: Any, me: str) -> Place:
    """A conversation with what is in it, as `PLACES` asks for it."""
    node, inner = edge["node"], edge["node"]["messages"]["edges"]
    messages = [each["node"] for each in inner]
    return {
        "conversation": (node["id"],),
        "message": tuple(each["id"] for each in messages),
        "branch": tuple({each["branch"]["id"] for each in messages}),
        "user": (node["owner"]["id"],) if node["owner"] else (me,),
        "cursor": (edge["cursor"], *(each["cursor"] for each in inner)),
    }


@dataclass(frozen=True)
class Canary:
    """What one has whom nobody of `PEOPLE` may see: `texts` must not come up, though its `ids` are asked for."""

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    person: Person

    @classmethod
    def of(cls, demo: Demo, text: str) -> "Canary":
        person = demo.add(text, "analyst", region=text, department=text)
        conversation = person.start()
        message = person.append(conversation, f"{text} says so")
        me = str(person.ask("{ me { id } }")["me"]["id"])
        return cls((text, person.token), (conversation, message, me), person)


def progress(cases: int, wrong: int, memory: int) -> None:
    """A line of it now and then: a hundred thousand take an hour."""
    if cases % (5 * CHUNK) == 0:
        sys.stdout.write(f"{cases:,} cases, {wrong} wrong, {memory / 2**20:.0f} MiB\n")
        sys.stdout.flush()


@dataclass
class Campaign:
    """`tried` counts by fuzzer and kind of answer; `faulty` are the cases that were answered wrongly.

    Once `stopped` is set it sends what it has begun to send, some hundred cases, and ends.
    """

    demo: Demo
    seed: int
    canary: Canary
    stopped: Event = field(default_factory=Event)
    tried: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    faulty: list[tuple[str, str, tuple[str, ...], bytes]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    logins: int = 0
    lost: set[str] = field(default_factory=set)
    places: dict[str, list[Place]] = field(default_factory=dict)

    async def run(self, count: int) -> None:
        """So many cases, a thousand at a time; the memory of the workers is looked at in between."""
        self.judge = Judge.here(self.demo.secret, str(self.demo.parley.directory))
        self.port = Port(self.demo.host, self.demo.port, self.judge)
        pids = self.demo.workers()
        limits = httpx.Limits(max_connections=24, max_keepalive_connections=24)
        async with httpx.AsyncClient(base_url=self.demo.server.url, limits=limits, verify=False) as self.http:
            rounds = self._rounds()
            for number in range(0, count, CHUNK):
                await asyncio.to_thread(self._sign_in)
                for name, each in rounds.items():
                    if not self.stopped.is_set():
                        self._note(name, await each(min(SHARES[name], count - number)))
                self.memory.append(sum(map(resident, pids)))
                if self.stopped.is_set():
                    break
                progress(number + CHUNK, len(self.faulty), self.memory[-1])
        assert self.demo.workers() == pids, "a worker has died"

    def _rounds(self) -> dict[str, Round]:
        ruling = self._values("admin")
        theirs = {who: replace(self._values(who), ids=(*self._ids(who), *self.canary.ids)) for who in (*PEOPLE, NOBODY)}
        rulers = endless(documents(SCHEMA, ruling), self.seed)
        others = {
            who: endless(documents(SCHEMA, theirs[who], seldom=RULING), self.seed + 10 + at)
            for at, who in enumerate(theirs)
        }
        fields = endless(seasoned(st.one_of(*stock().values()), ruling), self.seed + 2)
        http = endless(requests(), self.seed + 3)
        told = documents(SCHEMA, theirs["alice"], seldom=RULING)
        sockets = endless(st.deferred(lambda: conversations(told, self.demo.known["alice"].token)), self.seed + 4)
        everybody = cycle([*RULERS, *PEOPLE, *RULERS, *PEOPLE, NOBODY])

        async def by_turns(count: int) -> list[tuple[Any, Answer]]:
            callers = [next(everybody) for _ in range(count)]
            given = [(who, next(rulers if who in RULERS else others[who])) for who in callers]
            return await send_all(given, self._ask)

        async def each_field(count: int) -> list[tuple[Any, Answer]]:
            return await send_all([(next(everybody), {"query": next(fields)}) for _ in range(count)], self._ask)

        async def bytes_(count: int) -> list[tuple[Any, Answer]]:
            return await send_all(list(islice(http, count)), self.port.http)

        async def frames(count: int) -> list[tuple[Any, Answer]]:
            return await send_all(list(islice(sockets, count)), self._talk)

        return dict(zip(SHARES, (by_turns, each_field, bytes_, frames), strict=True))

    async def _ask(self, given: tuple[str, Asked]) -> Answer:
        who, asked = given
        token = None if who == NOBODY else self.demo.known[who].token
        hidden = () if who in RULERS else self.canary.texts
        return await ask_document(self.http, self.judge, asked, token, hidden)

    async def _talk(self, sent: Sent) -> Answer:
        return await self.port.frames(sent, self.canary.texts)

    def _values(self, who: str) -> Values:
        """What he has, conversation by conversation."""
        return Values(self._ids(who), tuple(self._places(who)))

    def _ids(self, who: str) -> tuple[str, ...]:
        return tuple(
            {each for place in self._places(who) for kind, some in place.items() if kind != "cursor" for each in some}
        )

    def _places(self, who: str) -> list[Place]:
        if who not in self.places:
            told = self.demo.person("guest" if who == NOBODY else who).ask(PLACES)
            edges = told["conversations"]["edges"]
            self.places[who] = [place(each, told["me"]["id"]) for each in edges] or [{"user": (told["me"]["id"],)}]
        return self.places[who]

    def _sign_in(self) -> None:
        """Who has ended his own sessions, or was thrown out by an administrator's random words, comes back."""
        for who in {*RULERS, *PEOPLE} - self.lost:
            if not self._known(who):
                self._again(who)

    def _known(self, who: str) -> bool:
        person = self.demo.known.get(who)
        try:
            return person is not None and ask(person.url, person.headers, "{ me { id } }")["me"] is not None
        except AssertionError:
            return False

    def _again(self, who: str) -> None:
        try:
            self.logins += who in self.demo.known
            self.demo.person(who, anew=True)
        except AssertionError:
            self.lost.add(who)

    def _note(self, name: str, tried: list[tuple[Any, Answer]]) -> None:
        kinds, seconds = self.tried.setdefault(name, Counter()), self.seconds.setdefault(name, [])
        for case, answer in tried:
            kinds[answer.kind] += 1
            seconds.append(answer.seconds)
            if answer.faults:
                self.faulty.append((name, repr(case), answer.faults, answer.told))

    def in_the_log(self) -> Iterator[str]:
        """What the workers have logged that they should not: a failure of their own, or what is nobody's business."""
        log = "\n".join(line for line in self.demo.server.output.splitlines() if not line.startswith(SAID))
        yield from self.judge.leaks(
            log.encode(), (*self.canary.texts, *(each.token for each in self.demo.known.values()))
        )
        lines = log.splitlines()
        for at, line in enumerate(lines):
            if '"level": "error"' in line:
                yield line
            elif "Traceback" in line:
                yield "\n".join(lines[at : at + 30])


def elapsed(since: float) -> str:
    """For the tables."""
    return f"{(time.monotonic() - since) / 60:.1f} min"
