"""Server-Sent Events over HTTP: who gets them, how they look, and when they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.connections import ConnectionLimits
from api.event_streams import wants_events
from tests.api.test_socket_expiry import APPEND, START, listening, session_of, short_token
from tests.permissions.authn.revocation.workers import eventually
from tests.served import Served

EVENTS = "text/event-stream"
SESSIONS = "subscription { sessionEvents { __typename ... on SessionEnded { reason current } } }"
FOLLOW = """subscription ($id: ID!, $after: String) { conversationEvents(conversationId: $id, after: $after) {
  cursor ... on MessageAdded { message { content } } } }"""
PATIENCE_SECONDS = 60


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ("text/event-stream", True),
        ("text/event-stream, multipart/mixed", True),  # urql's subscriptions
        ("Text/Event-Stream; q=0.9, application/json; q=0.8", True),
        (
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
            "multipart/mixed",  # urql's queries
            False,
        ),
        ("text/event-stream, application/json", False),
        ("text/event-stream;q=0.5, */*", False),
        ("text/event-stream;q=0", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_events_come_where_they_are_wanted_more_than_json(accept: str, events: bool) -> None:
    assert wants_events(accept) is events


class Reader:
    """What a stream has said, event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = self._read()

    async def _read(self) -> AsyncIterator[str]:
        rest = ""
        async for text in self.response.aiter_text():
            *whole, rest = (rest + text).split("\n\n")
            for event in whole:
                yield event
        assert rest == ""

    async def event(self) -> tuple[str, Any]:
        """The next one; ("", None) where the stream has ended."""
        async for text in self._lines:
            if not text.startswith(":"):
                name, data = text.split("\n")
                return name.removeprefix("event: "), json.loads(data.removeprefix("data: ") or "null")
        return "", None


@asynccontextmanager
async def streaming(address: str, token: str | None, query: str, **variables: Any) -> AsyncIterator[Reader]:
    headers = {"Accept": EVENTS} | ({"Authorization": f"Bearer {token}"} if token else {})
    url = address.replace("ws:", "http:")
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(timeout=PATIENCE_SECONDS, verify=False) as http,
        http.stream("POST", url, json={"query": query, "variables": variables}, headers=headers) as response,
    ):
        assert (response.status_code, response.headers["content-type"]) == (200, EVENTS)
        yield Reader(response)


async def test_a_query_a_mutation_and_what_is_neither_are_one_event_and_its_end(served: Served) -> None:
    alice = await served.as_("alice")
    async with listening(served) as address:
        for query, expected in (
            ("{ me { displayName } }", {"data": {"me": {"displayName": "Alice"}}}),
            ('mutation { startConversation(input: {title: "x"}) { conversation { title } } }', None),
            ("{ me {", "BAD_USER_INPUT"),
            ("{ nothing }", "BAD_USER_INPUT"),
            ("", "BAD_USER_INPUT"),
        ):
            async with streaming(address, alice.token, query) as reader:
                name, data = await reader.event()
                assert name == "next"
                if isinstance(expected, str):
                    assert data["errors"][0]["extensions"]["code"] == expected
                elif expected:
                    assert data == expected
                assert await reader.event() == ("complete", None)
                assert await reader.event() == ("", None)
        async with streaming(address, None, SESSIONS) as reader:
            assert (await reader.event())[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        params = {"query": "mutation { logout { ended } }"}
        refused = await served.http.get("/graphql", params=params, headers={"Accept": EVENTS})
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_a_subscription_follows_and_goes_on_after_its_cursor(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = (await alice.ask(START)).data["startConversation"]["conversation"]["id"]

    async def append(content: str) -> None:
        await alice.ask(APPEND, input={"conversationId": conversation, "content": content})

    connections = served.app.state.connections
    async with listening(served) as address:
        async with streaming(address, alice.token, FOLLOW, id=conversation, after="0-0") as reader:
            assert (await reader.event())[0] == "next"  # the cursor is of long ago
            await append("one")
            first = (await reader.event())[1]["data"]["conversationEvents"]
            assert first["message"]["content"] == "one"
            await connections.drain(0)
            assert await reader.event() == ("", None), "without `complete`, so that its client comes back"
        connections.draining = False
        await append("two")
        async with streaming(address, alice.token, FOLLOW, id=conversation, after=first["cursor"]) as reader:
            assert (await reader.event())[1]["data"]["conversationEvents"]["message"]["content"] == "two"
        async with asyncio.timeout(PATIENCE_SECONDS):
            await connections.drain(PATIENCE_SECONDS)  # returns when the worker has seen that its client is gone


async def test_a_stream_ends_with_its_token_and_says_why(served: Served) -> None:
    accounts, session = served.services.authentication.accounts, await session_of(served)
    token, short = accounts.tokens.issue(session), short_token(served, session, 2)
    served.app.state.connections.limits = ConnectionLimits(per_user=2)
    async with (
        listening(served) as address,
        streaming(address, short, SESSIONS) as expiring,
        streaming(address, token, SESSIONS) as told,
    ):
        await eventually(lambda: served.app.state.connections._of.total() == 2)
        async with streaming(address, token, SESSIONS) as third:
            assert (await third.event())[1]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await expiring.event())[1]["errors"][0]["extensions"]["code"] == "TOKEN_EXPIRED"
        assert await expiring.event() == ("complete", None)
        await accounts.endings.one(session.principal, "ended_by_admin")
        ended = (await told.event())[1]["data"]["sessionEvents"]
        assert ended == {"__typename": "SessionEnded", "reason": "ended_by_admin", "current": True}
        extensions = (await told.event())[1]["errors"][0]["extensions"]
        assert extensions == {"code": "TOKEN_REVOKED", "reason": "ended_by_admin"}
        assert await told.event() == ("complete", None)
