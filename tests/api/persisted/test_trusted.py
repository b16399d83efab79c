"""Trusted documents, named in every way, over every transport; and servers that run nothing else."""

from typing import Any

from redis.asyncio import Redis

from api.persisted import PersistedSettings
from api.persisted.automatic import KEYS
from models.policy import Policy
from models.role import GrantEffect
from permissions.changes import SYSTEM
from permissions.operations.manifest import digest
from tests.api.persisted.asking import ME, asking, automatic, over_socket, serve_with, told, trust
from tests.resolvers.admin.test_audit import stored
from tests.served import Served

TINY = "{ me { displayName } }"
EVENTS = "subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename } }"
NOT_FOUND, BAD, UNTRUSTED = "PERSISTED_QUERY_NOT_FOUND", "BAD_USER_INPUT", "QUERY_NOT_IN_SAFELIST"


async def test_a_document_is_named_by_its_id_or_its_hash_whoever_asks(served: Served) -> None:
    await trust(served, Me_v1=ME, **{"x-team:me": TINY})
    alice, nobody = await asking(served, "alice"), await asking(served, None)
    names: list[dict[str, Any]] = [
        {"documentId": "Me_v1"},
        {"documentId": "x-team:me"},
        {"documentId": f"sha256:{digest(ME)}"},
        {"documentId": digest(ME)},
        automatic(ME),
        automatic(ME, sha256Hash="Me_v1"),
        {"documentId": "Me_v1", "query": ME},
    ]
    async with over_socket(served) as ask:
        for sent in names:
            assert told(await alice.post(**sent)) == told(await alice.get(**sent)) == "Alice"
            assert told(await ask(**sent)) == "Alice"
            assert told(await nobody.post(**sent)) == "None", "and is told what he may know, which is nothing"
        assert told(await alice.post(documentId="Me_v1", query=TINY)) == BAD, "an id stands for one text"
        headers = {**alice.headers, "Content-Type": "application/json"}
        escaped = await served.http.post("/graphql", content=b'{"\\u0064ocumentId": "Me_v1"}', headers=headers)
        assert told(escaped.json()) == "Alice", "whatever way its name is written"
        assert told(await alice.get(documentId="", query=TINY)) == "Alice", "what is empty in an address is not there"
        opened = await served.http.get(
            "/graphql?documentId=Me_v1", headers={**alice.headers, "Accept": "text/html, */*;q=0.8"}
        )
        assert told(opened.json()) == "Alice", "and it is no page"
        await served.services.register.remove(["Me_v1"], SYSTEM.origin)
        served.services.operations.catalog.forget()
        assert told(await alice.post(documentId="Me_v1")) == told(await ask(documentId="Me_v1")) == NOT_FOUND


async def test_their_limits_are_asked_for_again_when_they_are_run(served: Served) -> None:
    deep = "{ " + "me { roleAssignments { user { " * 8 + "id" + " } } }" * 8 + " }"
    await trust(served, Gone="{ nothing }", Deep=deep)
    alice = await asking(served, "alice")
    assert told(await alice.post(documentId="Gone")) == BAD
    assert told(await alice.post(documentId="Deep")) == "QUERY_TOO_COMPLEX"


async def test_where_only_those_are_run_nothing_else_is_over_no_transport(served: Served, redis: Redis) -> None:
    serve_with(served, PersistedSettings(only_trusted=True))
    await trust(served, Me=ME)
    alice, nobody = await asking(served, "alice"), await asking(served, None)
    async with over_socket(served) as socket:
        for ask in (alice.post, alice.get, socket):
            assert told(await ask(documentId="Me")) == "Alice"
            assert told(await ask(query=ME)) == "Alice", "by its text it is the same document"
            assert told(await ask(query=ME, **automatic(ME))) == "Alice"
            for other in (TINY, "{ __schema { types { name } } }", "{ me {", ME + " "):
                assert told(await ask(query=other)) == UNTRUSTED
                assert told(await ask(query=other, **automatic(other))) == UNTRUSTED
                assert told(await ask(**automatic(other))) == NOT_FOUND
    assert told(await nobody.post(query=TINY)) == UNTRUSTED
    assert told(await nobody.post(query=ME)) == "None"
    events = {**alice.headers, "Accept": "text/event-stream"}
    streamed = await served.http.post("/graphql", json={"query": EVENTS, "variables": {"id": "x"}}, headers=events)
    assert UNTRUSTED in streamed.text
    assert (await served.http.post("/graphql", json=[{"query": TINY}], headers=alice.headers)).status_code == 400
    assert await redis.exists(*KEYS) == 0, "and nothing is left for others"
    refused = [each for each in await stored(served) if each.get("action") == "operation:run_any"]
    assert {each["by"] for each in refused} == {str(served.people["alice"].id)}
    assert len(refused) >= 3 * 4, "who tries is in the audit log"


async def test_whoever_may_runs_any_and_shares_it_with_those_alone_who_may(served: Served) -> None:
    serve_with(served, PersistedSettings(only_trusted=True))
    root, alice = await asking(served, "root"), await asking(served, "alice")
    assert told(await root.post(query=TINY, **automatic(TINY))) == "Root"
    assert told(await root.post(**automatic(TINY))) == "Root"
    assert told(await root.post(query="{ __schema { queryType { name } } }")) == "None"
    assert told(await alice.post(**automatic(TINY))) == NOT_FOUND
    any_ = Policy(id="any", effect=GrantEffect.ALLOW, actions=["operation:run_any"], when="user.region == 'EMEA'")
    await served.services.changes.put([any_], SYSTEM)
    assert told(await alice.post(**automatic(TINY))) == "Alice"
    assert told(await (await asking(served, "bob")).post(query=TINY)) == UNTRUSTED
