"""What the audit of GraphQL over HTTP does not look at: statuses of each media type, methods, types of bodies."""

from typing import Any, Final

import httpx

from resolvers.ids import encode
from tests.served import Caller, Served

JSON, RESPONSE, EVENTS = "application/json", "application/graphql-response+json", "text/event-stream"
LOGOUT: Final = "mutation { logout { ended } }"
FOLLOW: Final = "subscription { sessionEvents { __typename } }"
START: Final = "mutation { startConversation(input: {}) { conversation { id } } }"
TOO_LONG: Final = "{ __typename }" + " " * 70_000
NEITHER: Final = "query A { __typename } query B { me { id } }"
BROKEN: Final = "{ me { nothing } }"


async def ask(caller: Caller, accept: str | None = RESPONSE, **sent: Any) -> httpx.Response:
    headers = {} if accept is None else {"Accept": accept}
    if caller.token:
        headers["Authorization"] = f"Bearer {caller.token}"
    if accept is None:
        del caller.http.headers["accept"]
    return await caller.http.post("/graphql", json=sent, headers=headers)


OUTCOMES: Final[list[tuple[dict[str, Any], int, str | None]]] = [
    ({"query": "{ me { displayName } }"}, 200, None),
    ({"query": "{"}, 400, "BAD_USER_INPUT"),
    ({"query": BROKEN}, 400, "BAD_USER_INPUT"),
    ({"query": NEITHER}, 400, "BAD_USER_INPUT"),
    ({"query": NEITHER, "operationName": "C"}, 400, "BAD_USER_INPUT"),
    ({"query": "query ($id: ID!) { node(id: $id) { id } }"}, 400, "BAD_USER_INPUT"),
    ({"query": TOO_LONG}, 413, "PAYLOAD_TOO_LARGE"),
    ({"query": "{ __schema { types { name } } }"}, 403, "FORBIDDEN"),
    ({"query": "{ me { id } users(first: 1) { edges { node { id } } } }"}, 294, "FORBIDDEN"),
]
"""Of requests that are well-formed."""


async def test_the_status_says_what_became_of_it_and_plain_json_always_200(served: Served) -> None:
    alice = await served.as_("alice")
    for sent, status, code in OUTCOMES:
        for accept, media_type, expected in ((RESPONSE, RESPONSE, status), (JSON, JSON, 200), ("*/*", JSON, 200)):
            answer = await ask(alice, accept, **sent)
            assert answer.status_code == expected, sent
            assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert "accept" in answer.headers["vary"].lower()
            said = answer.json()
            assert [error["extensions"]["code"] for error in said.get("errors", [])] == ([code] if code else [])
            assert ("data" in said) is (status in (200, 294))


async def test_no_answer_repeats_all_that_was_sent(served: Served) -> None:
    alice, long = await served.as_("alice"), "x" * 100_000
    for sent in (
        {"query": NEITHER, "operationName": long},
        {"query": "{ __typename }", "variables": long},
        {"query": f"{{ {long[:60_000]} }}"},
        {"query": "{ __typename }", long: 1, "a": {long: 1}},
    ):
        for accept in (RESPONSE, JSON):
            assert len((await ask(alice, accept, **sent)).content) < 2_000


async def test_who_is_not_signed_in_is_told_how_to(served: Served) -> None:
    answer = await ask(served.nobody, RESPONSE, query="{ __schema { types { name } } }")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="parley"')
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_who_takes_neither_type_is_told_before_anything_is_executed(served: Served) -> None:
    alice = await served.as_("alice")
    for accept in ("text/html", "application/xml, image/*", f"{JSON};q=0", f"{JSON}; charset=latin1"):
        answer = await ask(alice, accept, query=START)
        assert (answer.status_code, answer.headers["content-type"]) == (406, JSON), accept
    assert (await ask(alice, EVENTS.replace("event", "events"), query=START)).status_code == 406
    found = await alice.ask("{ conversations(first: 1) { edges { node { id } } } }")
    assert found.data["conversations"]["edges"] == []


async def test_two_headers_are_one_list(served: Served) -> None:
    headers = [("Accept", "text/html"), ("Accept", RESPONSE), ("Content-Type", JSON)]
    answer = await served.http.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.headers["content-type"].startswith(RESPONSE)


async def test_nothing_is_changed_by_a_safe_method(served: Served) -> None:
    for method in ("GET", "HEAD"):
        for accept in (JSON, RESPONSE, EVENTS):
            for query in (LOGOUT, f"query A {{ __typename }} {LOGOUT.replace('mutation', 'mutation B')}"):
                params = {"query": query} | ({"operationName": "B"} if "B" in query else {})
                answer = await served.http.request(method, "/graphql", params=params, headers={"Accept": accept})
                status = 406 if (method, accept) == ("HEAD", EVENTS) else 405
                assert answer.status_code == status, (method, accept)
                assert answer.headers.get("allow") == (None if status == 406 else "POST")
                assert (answer.content == b"") is (method == "HEAD")


async def test_a_query_by_get_and_its_headers_alone(served: Served) -> None:
    params = {
        "query": "query A($a: Boolean!) { __typename @include(if: $a) }",
        "variables": '{"a": true}',
        "extensions": "",
    }
    got = await served.http.get("/graphql", params={**params, "operationName": ""})
    assert (got.status_code, got.json()) == (200, {"data": {"__typename": "Query"}})
    head = await served.http.head("/graphql", params=params)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_what_has_many_answers_is_no_single_one(served: Served) -> None:
    alice = await served.as_("alice")
    for accept in (JSON, RESPONSE):
        answer = await ask(alice, accept, query=FOLLOW)
        assert (answer.status_code, EVENTS in answer.json()["errors"][0]["message"]) == (406, True)


READ: Final = ([JSON], ["Application/JSON ; charset=UTF-8"], [f'{JSON}; charset="utf8"; x=y'])
NOT_READ: Final[tuple[list[str], ...]] = (
    [f"{JSON}; charset=iso-8859-1"],
    [f"{JSON}; charset=utf-16"],
    [],
    [""],
    ["text/plain"],
    ["text/plain; application/json"],
    ["application/json, text/plain"],
    ["application/jsonp"],
    ["application/x-www-form-urlencoded"],
    ["multipart/form-data; boundary=x"],
    ["application/graphql"],
    [RESPONSE],
    [JSON, "text/plain"],
    ["text/plain", JSON],
)


async def test_only_json_is_read_so_that_browsers_ask_us_first(served: Served) -> None:
    alice = await served.as_("alice")
    body = b'{"query": "mutation { startConversation(input: {}) { conversation { id } } }"}'
    for content_types in (*READ, *NOT_READ):
        headers = [("Authorization", f"Bearer {alice.token}"), *(("Content-Type", each) for each in content_types)]
        answer = await served.http.post("/graphql", content=body, headers=headers)
        assert answer.status_code == (200 if content_types in READ else 415), content_types
        assert (answer.headers.get("accept-post") == JSON) is (content_types in NOT_READ)
    found = await alice.ask("{ conversations(first: 50) { edges { node { id } } } }")
    assert len(found.data["conversations"]["edges"]) == len(READ)


async def test_a_file_comes_by_no_simple_request_of_another_site(served: Served) -> None:
    """The token is no cookie: a browser adds it to nothing by itself."""
    form = {"file": ("a.txt", b"hello")}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Cookie": "parley_refresh=x"}):
        answer = await served.http.post("/attachments", files=form, headers=headers)
        assert answer.status_code == 401
    assert (await served.http.get(f"/attachments/{encode('Attachment', '6' * 24)}")).status_code == 401


async def test_bodies_are_taken_as_they_are(served: Served) -> None:
    for encoding in ("gzip", "br", "deflate, gzip", "x"):
        for path in ("/graphql", "/attachments", "/import", "/oauth/token"):
            answer = await served.http.post(path, content=b"{}", headers={"Content-Encoding": encoding})
            assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
