"""What authentication and revocation add to a request: at 0 and at 10,000 rules, and beside other ways to do it."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from statistics import median
from typing import Final

import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.clock import now
from models.database import Database
from permissions.authn.gate import SessionGate
from permissions.authn.keys import KeyRing
from permissions.authn.principal import new_id
from permissions.authn.records import Session
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.rules import Rule
from permissions.authn.tokens import AccessToken, Tokens
from tests.benchmarks.report import Table, publish
from tests.served import SECRET

pytestmark = pytest.mark.benchmark

RULES: Final = 10_000
ROUNDS: Final = 15
LOOPS: Final = 500
MOST_MICROSECONDS: Final = 5.0
LONG: Final = 2**50
PERMILLE: Final = 0.01


async def test_what_a_request_pays_for_revocation(database: Database, redis: Redis) -> None:
    keys = KeyRing(SECRET)
    await keys.ensure()
    tokens = Tokens(keys, issuer="parley", audience="parley", lifetime=900)
    texts = [tokens.issue(_session(number)) for number in range(LOOPS)]
    verified = [await tokens.verify(text) for text in texts]
    rows = []
    for count in (0, RULES):
        gate = await _gate(redis, count)
        first, again = _judged(gate, verified)
        rows.append([f"judge a token, {count:,} rules", _shown(first), _shown(again)])
        assert again < MOST_MICROSECONDS
        assert first < MOST_MICROSECONDS * 3, first
    gate = await _gate(redis, RULES)
    rows.append(["the whole: read, verify and judge", *map(_shown, await _whole(tokens, gate, texts))])
    head = ["µs a request", "first time after a broad rule", "afterwards"]
    note = (
        f"Rules: a quarter each by session, by user, by networks of IPv4 /8 to /32, and by networks of IPv6 with a "
        f"device. Median of {ROUNDS} rounds, CPU time (Redis: what one waits). For the whole, the first time checks "
        "the signature."
    )
    publish("revocation", [Table("Revocation in a request", head, rows), await _others(redis)], [note])


async def _gate(redis: Redis, count: int) -> SessionGate:
    mirror = Mirror(Ledger(redis))
    await mirror.catch_up()
    for number in range(count):
        mirror.take(Rule(new_id(), _criteria(number), "bench", 1, LONG))
    return SessionGate(mirror, stale_seconds=3600)


def _criteria(number: int) -> Criteria:
    """None hits."""
    match number % 4:
        case 0:
            return Criteria(session_id=new_id())
        case 1:
            return Criteria(user_id=PydanticObjectId())
        case 2:
            return Criteria(network=ip_network((0x64000000 + (number << 8), 8 + number % 25), strict=False))
    return Criteria(
        network=ip_network(((0x20010DB8 << 96) + (number << 64), 32 + number % 33), strict=False), device="x"
    )


def _judged(gate: SessionGate, tokens: Sequence[AccessToken]) -> tuple[float, float]:
    """Microseconds each: where all rules are looked at, and where the broad ones needn't be."""

    def anew() -> None:
        gate._passed_at = -1
        for token in tokens:
            gate.require(token)

    def again() -> None:
        for token in tokens:
            gate.require(token)

    return _microseconds(anew, len(tokens)), _microseconds(again, len(tokens))


async def _whole(tokens: Tokens, gate: SessionGate, texts: Sequence[str]) -> tuple[float, float]:
    first, again = list[float](), list[float]()
    for _ in range(ROUNDS):
        tokens._verified.clear()
        gate._passed_at = -1
        for taken in (first, again):
            began = time.thread_time()
            for text in texts:
                gate.require(await tokens.verify(text))
            taken.append((time.thread_time() - began) / len(texts) * 1e6)
    return median(first), median(again)


class Bloom:
    """One of the usual kind: `k` places from one digest, a false alarm in a hundred."""

    def __init__(self, count: int) -> None:
        self._size = math.ceil(-count * math.log(PERMILLE) / math.log(2) ** 2)
        self._places = round(self._size / count * math.log(2))
        self.bits = bytearray(self._size // 8 + 1)

    def add(self, text: str) -> None:
        for place in self._of(text):
            self.bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, text: str) -> bool:
        return all(self.bits[place >> 3] & 1 << (place & 7) for place in self._of(text))

    def _of(self, text: str) -> list[int]:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        one, two = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
        return [(one + number * two) % self._size for number in range(self._places)]


async def _others(redis: Redis) -> Table:
    """Whether an id is among 10,000 and among 100,000, by each of the ways."""
    rows = []
    for count in (RULES, 10 * RULES):
        revoked, asked = [new_id() for _ in range(count)], [new_id() for _ in range(LOOPS)]
        table, bloom = dict.fromkeys(revoked), Bloom(count)
        for each in revoked:
            bloom.add(each)
        by_dict = _microseconds(lambda table=table, asked=asked: [each in table for each in asked], LOOPS)  # type: ignore[misc]
        by_bloom = _microseconds(lambda bloom=bloom, asked=asked: [each in bloom for each in asked], LOOPS)  # type: ignore[misc]
        by_redis = await _by_redis(redis, revoked, asked)
        rows.append([f"{count:,} revoked ids", _shown(by_dict), _shown(by_bloom), _shown(by_redis)])
        rows.append(["… memory, KiB", str(_dict_bytes(table) // 1024), str(len(bloom.bits) // 1024), "0"])
    return Table("Is this id revoked? µs", ["", "dict", "Bloom filter, 1 %", "Redis EXISTS"], rows)


async def _by_redis(redis: Redis, revoked: Sequence[str], asked: Sequence[str]) -> float:
    for start in range(0, len(revoked), 1_000):
        await redis.mset({f"revoked:{each}": 1 for each in revoked[start : start + 1_000]})
    began = time.perf_counter()
    for each in asked:
        assert not await redis.exists(f"revoked:{each}")
    return (time.perf_counter() - began) / len(asked) * 1e6


def _dict_bytes(table: dict[str, None]) -> int:
    return table.__sizeof__() + sum(each.__sizeof__() for each in table)


def _session(number: int) -> Session:
    return Session(new_id(), PydanticObjectId(), "phone", f"192.0.2.{number % 250}", now(), now(), now())


def _microseconds(work: Callable[[], object], each: int) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        taken.append((time.thread_time() - began) / each * 1e6)
    return median(taken)


def _shown(microseconds: float) -> str:
    return f"{microseconds:.2f}" if microseconds < 10 else f"{microseconds:.0f}"
