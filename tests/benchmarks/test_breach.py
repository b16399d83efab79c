"""The drill: 50,000 live tokens in four networks, four worker processes, and one /24 that has to be cut off now.

`make drill-breach`; `BREACH_TOKENS=5000` makes it shorter.
"""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api.cli.serve import environment
from api.settings import Settings
from models.clock import now
from models.embedded import EmbeddedStores
from models.user import User, email_key
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import serving, unlimited
from tests.served import Served

pytestmark = pytest.mark.benchmark

TOKENS: Final = int(os.environ.get("BREACH_TOKENS", "50000"))
A_USER: Final = 50
WORKERS: Final = 4
NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113", "10.20.30")
STOLEN: Final = f"{NETWORKS[0]}.0/24"
SAMPLE: Final = 400
WITHIN_SECONDS: Final = 1.0
ME: Final = "{ me { id } }"
REVOKE: Final = """mutation ($input: RevokeTokensInput!) {
  revokeTokens(input: $input) { sessionsAffected ownSession applied unconfirmed }
}"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A live token, and where its session was opened."""

    network: str
    token: str


async def test_one_network_of_many_is_cut_off(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    issued = await _issue(served, TOKENS)
    stolen = [each for each in issued if each.network == NETWORKS[0]]
    others = [each for each in issued if each.network != NETWORKS[0]]
    admin = (await served.as_("admin")).token or ""
    settings = _settings(served, stores)
    with ExitStack() as stack:
        ports = [
            stack.enter_context(serving("api.worker", environment(settings), tmp_path / f"{number}.log")).port
            for number in range(WORKERS)
        ]
        urls = [f"http://127.0.0.1:{port}/graphql" for port in ports]
        async with httpx.AsyncClient(timeout=60) as client:
            for url in urls:  # warm: the first request of a process compiles much
                assert await _reason(client, url, stolen[0].token) is None
            await asyncio.sleep(2)  # not to synchronise: who lives is known for sure only after 1.5 s
            began = time.perf_counter()
            tried = await _revoke(client, urls[0], admin, dryRun=True)
            counting = time.perf_counter() - began
            assert tried["sessionsAffected"] == len(stolen)
            assert not tried["ownSession"]
            times, done, answered = await _cut(client, urls, admin, stolen)
            assert done["sessionsAffected"] == len(stolen)
            assert done["applied"], done["unconfirmed"]
            for url in urls:
                await _check(client, url, stolen, "breach")
                await _check(client, url, others, None)
    rows = [[f"worker {number} refuses", f"{seconds * 1000:.0f} ms"] for number, seconds in enumerate(times, 1)]
    figures = [
        ["live tokens", f"{len(issued):,}"],
        [f"in {STOLEN}, by a dry run", f"{tried['sessionsAffected']:,}"],
        ["the dry run took", f"{counting:.1f} s"],
        *rows,
        ["the mutation answered, with all counted", f"{answered:.1f} s"],
        ["confirmed by all workers", str(done["applied"]).lower()],
    ]
    note = f"{SAMPLE} of the stolen tokens were refused by each worker, and {SAMPLE} of the others let in."
    publish("breach", [Table(f"One /24 of {TOKENS:,} tokens is cut off", ["", "figure"], figures)], [note])
    assert max(times) < WITHIN_SECONDS


async def _issue(served: Served, count: int) -> Sequence[Issued]:
    """Sessions as logins open them, without the passwords."""
    accounts = served.services.authentication.accounts
    users = [_user(number) for number in range(count // A_USER)]
    await User.insert_many(users)
    chance = random.Random(7)

    async def one(number: int) -> Issued:
        principal = Principal(users[number % len(users)].id, new_id())
        network = NETWORKS[number % len(NETWORKS)]
        client = Client(ip=f"{network}.{chance.randrange(1, 255)}", user_agent="Firefox")
        refresh = digest(accounts.refresh_tokens.issue(principal))
        session = await accounts.sessions.open(principal, refresh, f"device {number % 7}", client)
        return Issued(network, accounts.tokens.issue(session))

    issued: list[Issued] = []
    for start in range(0, count, 50):
        issued += await asyncio.gather(*(one(number) for number in range(start, min(count, start + 50))))
    return issued


def _user(number: int) -> User:
    email, name = f"drill{number}@demo.example", f"Drill {number}"
    return User(
        email=email, email_key=email_key(email), display_name=name, name_key=name, password_hash="", created_at=now()
    )  # fmt: skip


async def _cut(
    client: httpx.AsyncClient, urls: Sequence[str], admin: str, stolen: Sequence[Issued]
) -> tuple[list[float], dict[str, Any], float]:
    """Seconds after which each worker refuses; the answer, and after how long it came."""
    began = time.perf_counter()

    async def refuses(url: str, token: str) -> float:
        while await _reason(client, url, token) is None:
            assert time.perf_counter() - began < 30
        return time.perf_counter() - began

    async def revoked() -> tuple[dict[str, Any], float]:
        answer = await _revoke(client, urls[0], admin, dryRun=False)
        return answer, time.perf_counter() - began

    watching = asyncio.gather(*(refuses(url, each.token) for url, each in zip(urls, stolen, strict=False)))
    times, (done, answered) = await asyncio.gather(watching, revoked())
    return times, done, answered


async def _check(client: httpx.AsyncClient, url: str, issued: Sequence[Issued], reason: str | None) -> None:
    for each in random.Random(url).sample(list(issued), min(SAMPLE, len(issued))):
        assert await _reason(client, url, each.token) == reason


async def _reason(client: httpx.AsyncClient, url: str, token: str) -> str | None:
    answer = (await _post(client, url, token, {"query": ME})).get("errors")
    return None if answer is None else str(answer[0]["extensions"]["reason"])


async def _revoke(client: httpx.AsyncClient, url: str, token: str, *, dryRun: bool) -> dict[str, Any]:  # noqa: N803
    variables = {"input": {"cidr": STOLEN, "reason": "breach", "dryRun": dryRun}}
    answer = await _post(client, url, token, {"query": REVOKE, "variables": variables})
    assert "errors" not in answer, answer
    return dict(answer["data"]["revokeTokens"])


async def _post(client: httpx.AsyncClient, url: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(url, json=body, headers={"Authorization": f"Bearer {token}"})
    return dict(response.json())


def _settings(served: Served, stores: EmbeddedStores) -> Settings:
    return unlimited(
        served,
        stores,
        decision_log="off",
    )
