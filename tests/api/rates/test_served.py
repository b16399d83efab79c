"""Whoever does too much in a minute is told when to come back, whichever way he came."""

import asyncio
import json
import time as clock
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import httpx
import pytest
from graphql import get_introspection_query
from redis.asyncio import Redis

from api.documents.bench import CHARACTERS as JUDGED
from api.documents.cost import Estimate
from api.documents.limits import CostBudgets
from api.rates.rates import RateLimits, Rates
from api.settings import Settings
from models.redis import open_redis
from tests.api.rates.conftest import counted
from tests.api.test_socket_expiry import greeted, listening, opened
from tests.api.test_socket_limits import answer as answer_of
from tests.own_redis import OwnRedis
from tests.served import Caller, Served

LIMITS: Final = RateLimits(1, 5, 50, costs=CostBudgets(1_000, 300, {"admin": 2_000}))
"""Twenty small operations of an account, six of nobody, a hundred of an address."""
ME: Final = "{ me { id } }"
OVER: Final = ["RATE_LIMITED"]


def limit(served: Served, limits: RateLimits = LIMITS, redis: Redis | None = None) -> Rates:
    """From now on the server has these limits, and nobody has used up anything."""
    rates = Rates(redis or served.services.redis, limits)
    served.app.state.services = replace(served.services, rates=rates)
    return rates


async def used_up(caller: Caller, query: str = ME) -> int:
    """How many operations were let pass."""
    for done in range(200):
        if (await caller.ask(query)).body.get("errors"):
            return done
    raise AssertionError("no limit")


@asynccontextmanager
async def from_address(served: Served, ip: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client there."""
    transport = httpx.ASGITransport(served.app, client=(ip, 1234))
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://parley.test", headers=given) as http:
        yield http


async def test_an_account_is_told_what_is_left_and_over_its_limit_when_to_come_back(served: Served) -> None:
    limit(served)
    alice = await served.as_("alice")
    answer = await alice.ask(ME)
    assert answer.data["me"]
    told = {name: answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "policy")}
    assert told == {"limit": "1000", "remaining": "950", "policy": "1000;w=60"}
    assert 0 <= int(answer.headers["ratelimit-reset"]) <= 60
    assert "retry-after" not in answer.headers
    assert await used_up(alice) == 19
    answer = await alice.ask(ME)
    assert answer.codes == OVER
    wait = answer.body["errors"][0]["extensions"]["retryAfter"]
    assert answer.headers["retry-after"] == str(wait)
    assert 0 < wait <= 120
    assert answer.headers["ratelimit-remaining"] == "0"
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "application/graphql-response+json"}
    assert (await alice.http.post("/graphql", json={"query": ME}, headers=headers)).status_code == 429
    assert (await (await served.as_("alice")).ask(ME)).codes == OVER  # another session of hers
    assert (await (await served.as_("bob")).ask(ME)).data["me"]
    assert await used_up(await served.as_("admin")) == 40


async def test_a_fault_of_ours_is_told_with_what_is_left(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    limit(served)
    monkeypatch.setattr("api.graphql_answer.formatted", fail)
    answer = await (await served.as_("alice")).ask(ME)
    assert (answer.status, answer.headers.get("ratelimit-remaining")) == (500, "950")


async def test_operations_count_by_what_they_cost_whatever_they_are_called(served: Served) -> None:
    limit(served)
    alice = await served.as_("alice")
    many = (
        "{"
        + " ".join(f"a{number}: conversations(first: 9) {{ edges {{ node {{ id }} }} }}" for number in range(12))
        + "}"
    )
    asked = {"query": many, "extensions": {"cost": True}}
    answer = await alice.http.post("/graphql", json=asked, headers={"Authorization": f"Bearer {alice.token}"})
    cost = answer.json()["extensions"]["cost"]["estimated"]
    assert cost > 200
    assert answer.headers["ratelimit-remaining"] == str(1_000 - cost)
    assert await used_up(alice, many) == (1_000 - cost) // cost


async def test_to_read_the_schema_costs_what_it_takes_and_more_by_several_names(served: Served) -> None:
    limit(served, replace(LIMITS, costs=CostBudgets(20_000)))
    admin = await served.as_("admin")
    answer = await admin.ask(get_introspection_query())
    assert answer.data["__schema"]
    assert answer.headers["ratelimit-remaining"] == "18000"
    names = " ".join(f"{name}: __schema {{ queryType {{ name }} }}" for name in "abcdefgh")
    assert (await admin.ask(f"{{ {names} }}")).codes == []
    assert (await admin.ask(f"{{ {names} }}")).codes == OVER


async def test_requests_in_a_row_are_refused(served: Served) -> None:
    alice = await served.as_("alice")
    batch = [{"query": ME}] * 3
    answer = await alice.http.post("/graphql", json=batch, headers={"Authorization": f"Bearer {alice.token}"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "flawed", ["{", "{ me { idd } }".ljust(200 * JUDGED, "#"), "query a { me { id } } query b { me { id } }"]
)
async def test_what_is_refused_counts_too(served: Served, flawed: str) -> None:
    limit(served)
    alice = await served.as_("alice")
    for _ in range(30):
        answer = await alice.ask(flawed)
        if answer.codes == OVER:
            break
    assert answer.codes == OVER
    assert (await alice.ask(ME)).codes == OVER


async def test_long_documents_with_flaws_count_by_their_length(served: Served) -> None:
    limit(served)
    alice = await served.as_("alice")
    flawed = "{ nothing }" + " " * 300 * JUDGED
    assert [(await alice.ask(flawed)).codes for _ in range(6)] == [["BAD_USER_INPUT"]] * 3 + [OVER] * 3
    assert (await alice.ask(ME)).codes == OVER


async def test_nobody_is_counted_by_his_address_and_neighbours_in_a_network_together(served: Served) -> None:
    limit(served)

    async def let(ip: str, **headers: str) -> int:
        async with from_address(served, ip, **headers) as http:
            return await used_up(Caller(http))

    assert await let("192.0.2.1") == 6
    assert await let("192.0.2.1", X_Forwarded_For="198.51.100.9") == 0  # nobody trusts it
    assert await let("::ffff:192.0.2.1") == 0
    assert await let("192.0.2.2") == 6
    assert await let("2001:db8:1:1::1") == 6
    assert await let("2001:db8:1:1:ffff::2") == 0
    assert await let("2001:db8:1:2::1") == 6


async def test_all_accounts_at_one_address_have_a_limit_together(served: Served) -> None:
    limit(served, replace(LIMITS, budgets_address=2))
    done = 0
    for name in ("alice", "bob", "sara"):
        done += await used_up(await served.as_(name))
    assert done == 40
    async with from_address(served, "192.0.2.1") as http:
        sara = await served.as_("sara")
        assert await used_up(Caller(http, sara.user, sara.token)) == 20


async def test_each_operation_on_any_of_many_sockets_counts(served: Served) -> None:
    limit(served)
    alice = await served.as_("alice")
    assert alice.token is not None
    told = []
    async with listening(served) as address:
        for _ in range(3):
            async with opened(address, alice.token) as client:
                for number in range(8):
                    sent = {"id": str(number), "type": "subscribe", "payload": {"query": ME}}
                    await client.send(json.dumps(sent))
                    while (message := json.loads(await client.recv()))["type"] != "complete":
                        refused = message["type"] == "error"
                        told.append(message["payload"] if refused else message["payload"].get("errors"))
                        if refused:
                            break
    assert told[:17] == [None] * 17  # to open a socket counts as well
    assert [each[0]["extensions"]["code"] for each in told[17:]] == OVER * 7
    assert (await alice.ask(ME)).codes == OVER


@pytest.mark.parametrize("document", ["mutation { logout { ended } }", "subscription { sessionEvents { __typename } }"])
async def test_mutations_and_subscriptions_count_on_a_socket_and_as_a_stream(served: Served, document: str) -> None:
    limit(served)
    alice = await served.as_("alice")
    assert alice.token is not None
    async with listening(served) as address, opened(address, alice.token) as client:
        await used_up(alice)
        await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": document}}))
        assert "RATE_LIMITED" in str(await client.recv())
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "text/event-stream"}
    answer = await alice.http.post("/graphql", json={"query": document}, headers=headers)
    assert '"code":"RATE_LIMITED"' in answer.text


async def test_to_follow_a_conversation_with_others_counts(served: Served) -> None:
    alice = await served.as_("alice")
    started = await alice.ask("mutation { startConversation(input: {}) { conversation { id } } }")
    id_ = started.data["startConversation"]["conversation"]["id"]
    follow = f'subscription {{ conversationEvents(conversationId: "{id_}") {{ cursor }} }}'
    limit(served)
    assert alice.token is not None
    async with listening(served) as address, opened(address, alice.token) as client:
        for number in range(21):
            sent = {"id": str(number), "type": "subscribe", "payload": {"query": follow}}
            await client.send(json.dumps(sent))
        message = json.loads(await asyncio.wait_for(client.recv(), 20))
        assert message["id"] == "20" or message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


FILE: Final = {"file": ("a.txt", b"abc", "text/plain")}


def _rest(caller: Caller) -> list[Callable[[], Awaitable[httpx.Response]]]:
    http, headers = caller.http, {"Authorization": f"Bearer {caller.token}"}
    return [
        lambda: http.post("/access/v1/evaluation", json={}, headers=headers),
        lambda: http.post("/attachments", files=FILE, headers=headers),
        lambda: http.get("/attachments/none", headers=headers),
        lambda: http.get("/export?format=parley", headers=headers),
        lambda: http.post("/import?format=parley", content=b"", headers=headers),
    ]


@pytest.mark.parametrize("way", range(5), ids=["authzen", "upload", "download", "export", "import"])
async def test_what_is_not_graphql_counts_and_is_refused_with_429(served: Served, way: int) -> None:
    limit(served)
    alice = await served.as_("alice")
    ask = _rest(alice)[way]
    for _ in range(25):
        answer = await ask()
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 120
    assert (await alice.ask(ME)).codes == OVER


async def test_tokens_for_services_are_asked_for_no_faster(served: Served) -> None:
    limit(served)
    form = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "nothing"}
    statuses = [(await served.http.post("/oauth/token", data=form)).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


async def test_redis_is_asked_once_at_most_and_mostly_not_at_all(
    served: Served, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    """By a client of its own: what else a request asks Redis for doesn't count."""
    limit(served, replace(LIMITS, budgets=60, budgets_address=600), redis)
    alice = await served.as_("alice")
    asked = counted(redis, monkeypatch)
    for _ in range(60):
        before = asked.trips
        assert (await alice.ask(ME)).data["me"]
        assert asked.trips - before <= 1
    assert len(asked) <= 20  # for the account and, at the same time, for its address


@pytest.mark.usefixtures("hasty")
async def test_nobody_waits_for_a_redis_that_is_frozen(served: Served) -> None:
    with OwnRedis() as own:
        async with open_redis(own.url) as away:
            limit(served, LIMITS, away)
            alice = await served.as_("alice")
            assert (await alice.ask(ME)).data["me"]
            with own.frozen():
                began = clock.monotonic()
                assert await used_up(alice) == 20  # this worker counts for itself
                assert clock.monotonic() - began < 20
            limit(served, replace(LIMITS, when_away="fail_closed"), away)
            own.kill()
            assert (await alice.ask(ME)).codes == ["UNAVAILABLE"]


@pytest.mark.parametrize(("good", "opens", "refused"), [(True, 20, {1013}), (False, 6, {4403, 1013})])
async def test_to_open_sockets_counts_as_his_who_is_proved_or_as_nobodys(
    served: Served, good: bool, opens: int, refused: set[int]
) -> None:
    limit(served)
    alice = await served.as_("alice")
    token = alice.token if good else "no token"
    assert token is not None
    told: list[int] = []
    async with listening(served) as address:
        for _ in range(opens + 1):
            async with greeted(address, token) as client:
                if isinstance(said := await answer_of(client), int):
                    told.append(said)
    assert set(told) == refused
    assert told.count(1013) == 1
    assert (await (alice if good else served.nobody).ask(ME)).codes == OVER


async def test_bad_tokens_count_as_nobodys_where_rights_are_asked_for(served: Served) -> None:
    limit(served)
    bad = {"Authorization": "Bearer none"}
    asked = [await served.http.post("/access/v1/evaluation", json={}, headers=bad) for _ in range(7)]
    assert [answer.status_code for answer in asked] == [401] * 6 + [429]


def test_the_settings_are_the_limits() -> None:
    settings = Settings(_env_file=None)
    assert settings.rate_limits == RateLimits()
    given = Settings(_env_file=None, rate_budgets=2, rate_when_away="fail_closed", cost_budgets="admin=50000")
    assert (given.rate_limits.budgets, given.rate_limits.when_away) == (2, "fail_closed")
    assert given.rate_limits.costs.roles == {"admin": 50_000}


async def test_nothing_is_estimated_for_who_may_do_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a document that is remembered: its price has to be found anew for each length that a variable says."""
    limit(served)
    alice = await served.as_("alice")
    query = "query ($first: Int!) { conversations(first: $first) { edges { node { id } } } }"
    assert (await alice.ask(query, first=1)).codes == []
    assert await used_up(alice) > 0
    called: list[object] = []

    def unwelcome(*given: object) -> int:
        called.append(given)
        return 0

    monkeypatch.setattr(Estimate, "of", unwelcome)
    assert [(await alice.ask(query, first=first)).codes for first in range(2, 6)] == [OVER] * 4
    assert called == []
