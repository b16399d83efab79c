"""Automatic persisted queries: who leaves what for whom, how much, and what is said of what is not right."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotConnectedError

from api.documents.limits import CostBudgets
from api.persisted import ApqLimits, PersistedSettings
from api.persisted.automatic import KEYS, AutomaticQueries
from api.rates.rates import RateLimits, Rates
from permissions.operations.manifest import LONGEST_ID, digest
from tests.api.clients import START
from tests.api.persisted.asking import LOW, ME, Asking, asking, automatic, over_socket, serve_with, told
from tests.served import Served

NOT_FOUND, BAD = "PERSISTED_QUERY_NOT_FOUND", "BAD_USER_INPUT"


async def test_a_hash_is_asked_for_the_text_once_and_stands_for_it_then_for_all_who_are_signed_in(
    served: Served,
) -> None:
    alice, bob, nobody = [await asking(served, name) for name in ("alice", "bob", None)]
    answer = await alice.post(**automatic(ME))
    assert answer["errors"][0]["message"] == "PersistedQueryNotFound"
    assert told(answer) == NOT_FOUND
    assert told(await nobody.post(query=ME, **automatic(ME))) == "None"
    assert told(await alice.post(**automatic(ME))) == NOT_FOUND, "who isn't signed in leaves nothing"
    assert told(await alice.post(query=ME, **automatic(ME))) == "Alice"
    for ask in (alice.post, alice.get):
        assert told(await ask(**automatic(ME))) == "Alice"
        assert told(await ask(query="", **automatic(ME))) == "Alice"
    assert told(await bob.get(documentId=f"sha256:{digest(ME)}")) == "Bob"
    assert told(await nobody.post(**automatic(ME))) == NOT_FOUND, "nor finds anything"


ATTACKS: list[tuple[dict[str, Any], str]] = [
    ({"query": "{ me { id } }", **automatic(ME)}, BAD),
    ({"query": ME + " ", **automatic(ME)}, BAD),
    ({"query": ME, "documentId": "sha256:" + digest("other")}, BAD),
    ({"query": ME, "documentId": "custom"}, BAD),
    (automatic(ME, version=2), BAD),
    (automatic(ME, version=True), BAD),
    (automatic(ME, version="1"), BAD),
    (automatic(ME, version=1.0), BAD),
    (automatic(ME, version=None), BAD),
    (automatic(ME, sha256Hash=None), BAD),
    (automatic(ME, sha256Hash={"$gt": ""}), BAD),
    (automatic(ME, sha256Hash=[digest(ME)]), BAD),
    (automatic(ME, sha256Hash=""), BAD),
    (automatic(ME, sha256Hash="x" * 1_000_000), BAD),
    (automatic(ME, sha256Hash=digest(ME)[:-1] + "\n"), BAD),
    (automatic(ME, sha256Hash=digest(ME) + "\0"), BAD),
    (automatic(ME, sha256Hash="*"), BAD),
    (automatic(ME, sha256Hash="g" * 64), NOT_FOUND),
    (automatic(ME, sha256Hash=digest(ME).upper()), NOT_FOUND),
    ({"query": ME, **automatic(ME, sha256Hash=digest(ME).upper())}, BAD),
    ({"query": ME, **automatic(ME, sha256Hash="0" * 64)}, BAD),
    ({"extensions": {"persistedQuery": "x"}}, BAD),
    ({"extensions": {"persistedQuery": [1]}}, BAD),
    ({"documentId": 5}, BAD),
    ({"documentId": ""}, BAD),
    ({"documentId": "x" * 1_000_000}, BAD),
    ({"documentId": "i" * (LONGEST_ID + 1)}, BAD),
    ({"documentId": "sha256:abc"}, BAD),
    ({"documentId": "sha256:" + digest(ME).upper()}, BAD),
    ({"documentId": "md5:0b5a"}, BAD),
    ({"documentId": "../../etc/passwd"}, BAD),
    ({"documentId": "custom"}, NOT_FOUND),
    ({"documentId": "custom", **automatic(ME)}, BAD),
]


async def test_what_is_not_right_is_refused_with_words_that_repeat_nothing_and_leaves_nothing(
    served: Served, redis: Redis
) -> None:
    alice = await asking(served, "alice")
    for sent, code in ATTACKS:
        answer = await alice.post(**sent)
        assert told(answer) == code, sent
        assert len(str(answer)) < 250
        assert "xxxx" not in str(answer)
    assert await redis.exists(*KEYS) == 0
    assert told(await alice.post(query=ME, extensions={"persistedQuery": None}, documentId=None)) == "Alice"


async def test_the_same_is_said_on_a_socket_and_in_an_event_stream(served: Served) -> None:
    alice = await asking(served, "alice")
    async with over_socket(served) as ask:
        for sent, code in ATTACKS:
            assert told(await ask(**sent)) == code, sent
        assert told(await ask(query=ME, **automatic(ME))) == "Alice"
        assert told(await ask(**automatic(ME))) == "Alice"
    alice.headers["Accept"] = "text/event-stream"
    for sent, said in ((automatic(ME), "Alice"), (ATTACKS[0][0], BAD), (automatic("other"), NOT_FOUND)):
        events = await served.http.post("/graphql", json=sent, headers=alice.headers)
        assert events.headers["content-type"].startswith("text/event-stream")
        assert f'"{said}"' in events.text
        assert "event: complete" in events.text


async def test_limits_and_rights_are_those_of_any_document_and_nothing_unsound_is_kept(
    served: Served, redis: Redis
) -> None:
    alice = await asking(served, "alice")
    deep = "{ " + "me { roleAssignments { user { " * 8 + "id" + " } } }" * 8 + " }"
    forbidden = "{ auditEvents(first: 1) { edges { node { kind } } } }"
    login = 'mutation { login(input: {email: "a@b.example", password: "hunter2 hunter2"}) { accessToken } }'
    for text, code in (
        (deep, "QUERY_TOO_COMPLEX"),
        ("{ nothing }", BAD),
        ("{ me {", BAD),
        ("{ me { id } } #" + "x" * 70_000, "PAYLOAD_TOO_LARGE"),
        (login, "UNAUTHENTICATED"),
    ):
        assert told(await alice.post(query=text, **automatic(text))) == code
    assert await redis.exists(*KEYS) == 0, "least of all a password"
    for _ in range(2):
        assert told(await alice.post(query=forbidden, **automatic(forbidden))) == "FORBIDDEN"
    assert told(await alice.post(**automatic(forbidden))) == "FORBIDDEN", "a text is no secret, what it asks for is"
    assert told(await alice.post(query=START, **automatic(START))) == "None"
    changing = {"documentId": digest(START)}
    assert told(await alice.post(**changing)) == "None", "a mutation may be named"
    refused = await served.http.get("/graphql", params=changing, headers=alice.headers)
    assert refused.status_code in {400, 405}, "and is not done by GET, whatever names it"


async def test_who_floods_it_pushes_out_his_own_and_it_never_grows_over_its_bounds(
    served: Served, redis: Redis
) -> None:
    serve_with(served, LOW)
    alice, bob = await asking(served, "alice"), await asking(served, "bob")
    assert told(await bob.post(query=ME, **automatic(ME))) == "Bob"
    texts = [f"query Q{number} {{ me {{ displayName }} }}" for number in range(12)]
    for text in texts:
        assert told(await alice.post(query=text, **automatic(text))) == "Alice"
        assert await redis.hlen(KEYS[0]) == await redis.zcard(KEYS[1]) <= 4
    assert [told(await alice.post(**automatic(text))) for text in texts[-4:]] == [NOT_FOUND, *["Alice"] * 3]
    assert told(await bob.post(**automatic(ME))) == "Bob"
    for name in ("john", "sara", "root"):
        large = f"query {name} {{ me {{ displayName }} }} # {'x' * 300}"
        await (await asking(served, name)).post(query=large, **automatic(large))
        held = await redis.hvals(KEYS[0])
        assert int(await redis.get(KEYS[2]) or 0) == sum(map(len, held)) <= 1_000
        assert await redis.hlen(KEYS[0]) == await redis.zcard(KEYS[1]) <= 6
    assert min([await redis.pttl(key) for key in KEYS]) > 0, "and all of it goes by itself"


async def test_who_leaves_long_texts_pushes_out_his_own_too(redis: Redis) -> None:
    queries = AutomaticQueries(redis, ApqLimits(documents=100, bytes=10_000, per_user=20))
    await queries.keep(ME, "bob")
    texts = [f"{ME} # {number}{'€' * 200}" for number in range(40)]
    for text in texts:
        await queries.keep(text, "alice")
        assert int(await redis.get(KEYS[2]) or 0) == sum(map(len, await redis.hvals(KEYS[0]))) <= 2_000 + len(ME)
    assert await queries.find(digest(ME)) == ME
    assert await queries.find(digest(texts[-1])) == texts[-1]
    await queries.keep(f"{ME} # {'€' * 2_000}", "alice")
    assert await queries.find(digest(ME)) == ME, "what is more than all that one may leave is not kept"


async def test_it_is_kept_as_long_as_it_is_used(redis: Redis) -> None:
    here, there = (AutomaticQueries(redis, ApqLimits(seconds=1)) for _ in range(2))
    await here.keep(ME, "u")
    assert await there.find(digest(ME)) == ME
    await redis.zincrby(KEYS[1], -1_001, digest(ME))
    assert await here.find(digest(ME)) is None
    await here.keep("{ me { id } }", "u")
    assert await redis.hkeys(KEYS[0]) == [digest("{ me { id } }").encode()]
    await redis.hset(KEYS[0], digest("{ me { id } }"), "{ me { email } }")
    assert await here.find(digest("{ me { id } }")) is None, "a hash stands for one text, whatever Redis says"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise NotConnectedError

    monkeypatch.setattr("redis.commands.core.AsyncScript.__call__", refuse)


@pytest.mark.usefixtures("away")
async def test_without_redis_clients_send_their_texts_which_are_run(redis: Redis) -> None:
    queries = AutomaticQueries(redis, ApqLimits())
    await queries.keep(ME, "u")
    assert await queries.find(digest(ME)) is None


async def test_many_who_leave_the_same_at_once_leave_it_once(redis: Redis) -> None:
    queries = AutomaticQueries(redis, ApqLimits(documents=1))
    await asyncio.gather(*(queries.keep(ME, f"u{number}") for number in range(20)))
    assert int(await redis.get(KEYS[2]) or 0) == len(ME)


async def test_it_can_be_switched_off(served: Served) -> None:
    serve_with(served, replace(PersistedSettings(), apq=ApqLimits(seconds=0)))
    alice: Asking = await asking(served, "alice")
    answer = await alice.post(**automatic(ME))
    assert answer["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert told(await alice.post(query=ME, **automatic(ME))) == "Alice"
    assert told(await alice.post(documentId=f"sha256:{digest(ME)}")) == NOT_FOUND


async def test_names_of_what_is_not_there_are_counted_as_anything_else(served: Served) -> None:
    limits = RateLimits(1, 5, 50, costs=CostBudgets(500))
    served.app.state.services = replace(served.services, rates=Rates(served.services.redis, limits))
    alice = await asking(served, "alice")
    codes = [told(await alice.post(**automatic(f"{{ a{number} }}"))) for number in range(12)]
    assert codes == [NOT_FOUND] * 10 + ["RATE_LIMITED"] * 2
    bob = await asking(served, "bob")
    codes = [told(await bob.post(documentId="no id")) for _ in range(12)]
    assert codes == ["BAD_USER_INPUT"] * 10 + ["RATE_LIMITED"] * 2, "nor is what is no name"
