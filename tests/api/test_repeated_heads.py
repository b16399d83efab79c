"""A connection on which heads come again is answered as by the parser, whatever is sent, and each request by itself."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.app import create_app
from api.heads import HeadLimits, HeadProtocol
from api.repeated_heads import END, LONGEST, MOST, RepeatingProtocol
from models.embedded import EmbeddedStores
from tests.api.test_raw_http import SECONDS
from tests.api.test_socket_expiry import listening
from tests.examples import examples
from tests.served import Caller, Served, schema, settings_on

TURNS: Final = 12
"""Of the event loop, until everything is answered that can be."""


def post(body: bytes, *headers: bytes, length: int | None = None, line: bytes = b"POST /a HTTP/1.1") -> bytes:
    """A request; its length may be a lie."""
    said = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join([line, b"Host: x", *headers, said, b"", body])


SENT: Final = (
    *[post(b"one"), post(b"two"), post(b"three"), post(b"a\r\n\r\nb")] * 3,
    post(b"one", b"A: b"),
    post(b"one", b"a: b"),
    post(b"one", b"A: " + b"b" * LONGEST),
    post(b""),
    post(b"one", length=2),
    post(b"one", length=5),
    post(b"one", line=b"POST /a HTTP/1.0"),
    post(b"one", line=b"PUT /b%20c?d HTTP/1.1"),
    post(b"one", b"Connection: close"),
    post(b"one", b"Connection: keep-alive, upgrade", b"Upgrade: h2c"),
    post(b"one", b"Expect: 100-continue"),
    post(b"one", b"Content-Length: 3"),
    post(b"one", b"Host: y"),
    post(b"3\r\none\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nA: b\r\n\r\n",
    post(b"one").replace(b"\r\n", b"\n"),
    b"\r\n" + post(b"one"),
    post(b"one") + b"\r\n",
    post(b"one") + post(b"one"),
    post(b"one") + post(b"two") + b"GET / HTTP/1.1\r\n",
    b"Host: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"x",
    b"\r\n",
)
SPLIT: Final = st.tuples(st.sampled_from(SENT), st.integers(1, 90), st.booleans()).map(
    lambda drawn: [(drawn[0][: drawn[1]], False), (drawn[0][drawn[1] :], drawn[2])]
)
WHOLE: Final = st.tuples(st.sampled_from(SENT), st.booleans()).map(lambda drawn: [drawn])
CHUNKS: Final = st.lists(WHOLE | WHOLE | SPLIT, min_size=1, max_size=12).map(lambda drawn: list(chain(*drawn)))


class Wire(asyncio.Transport):
    """The other end's view of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        """Nothing more is written."""

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """It is fed as it comes: what was read already comes all the same."""

    resume_reading = pause_reading


class Remembering(RepeatingProtocol):
    """Counts the heads that it did not have parsed."""

    spared = 0

    def _again(self, *given: Any) -> None:
        type(self).spared += 1
        super()._again(*given)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says all that it was told; at one place before the body is there."""
    body, more = b"", scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
    names = ("method", "path", "raw_path", "query_string", "http_version", "client", "scheme", "headers", "state")
    told = repr([*(scope[name] for name in names), body]).encode()
    scope["headers"].append((b"mine", b"alone"))
    scope["state"]["mine"] = "alone"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told})


async def _told(kind: type[HeadProtocol], chunks: Sequence[tuple[bytes, bool]]) -> tuple[bytes, bool]:
    """All that was written, and whether the connection was closed; some chunks are answered before more is sent."""
    config = uvicorn.Config(echo, http=kind, lifespan="off", log_config=None, access_log=False)
    config.load()
    wire, state = Wire(), ServerState()
    protocol = kind(config=config, server_state=state, app_state={})
    protocol.connection_made(wire)
    for chunk, answered in [*chunks, (b"", True)]:
        if chunk and not wire.closed:
            protocol.data_received(chunk)
        for _ in range(TURNS if answered else 0):
            await asyncio.sleep(0)
    assert len(getattr(protocol, "_heads", ())) <= MOST
    told = wire.written, wire.closed
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)
    return told


async def _both(chunks: Sequence[tuple[bytes, bool]]) -> list[tuple[bytes, bool]]:
    return [await _told(kind, chunks) for kind in (HeadProtocol, Remembering)]


@settings(max_examples=examples(90), deadline=None)
@given(CHUNKS)
def test_a_head_that_comes_again_is_answered_as_the_parser_has_it(chunks: Sequence[tuple[bytes, bool]]) -> None:
    parsed, remembered = asyncio.run(_both(chunks))
    assert remembered == parsed


def test_it_is_not_parsed_again_where_it_is_the_whole_of_a_request_and_answered_before() -> None:
    Remembering.spared = 0
    one, two = (post(b"one"), True), (post(b"two"), True)
    written, closed = asyncio.run(_told(Remembering, [one, two, one]))
    assert (Remembering.spared, written.count(b"200 OK"), closed) == (2, 3, False)
    asyncio.run(_told(Remembering, [one, (two[0][:20], True), (two[0][20:], True), (one[0] * 2, True)]))
    assert Remembering.spared == 2


@pytest.mark.parametrize(
    "begun",
    [
        *[b"x", b"POST", post(b"one")[:20], post(b"one")[:-1], post(b"one", length=60)],
        post(b"one", length=60, line=b"POST /early HTTP/1.1"),
    ],
)
@pytest.mark.parametrize("answered", [True, False])
def test_what_has_begun_is_ended_first(begun: bytes, answered: bool) -> None:
    one = (post(b"one"), True)
    parsed, remembered = asyncio.run(_both([one, one, (begun, answered), (post(b"one"), answered), one]))
    assert remembered == parsed


def test_none_is_remembered_any_more_where_none_comes_again_as_of_many_clients_behind_a_proxy() -> None:
    Remembering.spared = 0
    many = [(post(b"one", b"Authorization: %d" % number), True) for number in range(MOST + 2)]
    asyncio.run(_told(Remembering, [*many, many[-1], many[-1]]))
    assert Remembering.spared == 0
    asyncio.run(_told(Remembering, [*many, many[0], many[-1], many[-1]]))
    assert Remembering.spared == 2, "one did, and others may"


@pytest.mark.parametrize("body", [b"one", b"\n\n1", b"\r\n\r"])
async def test_a_head_is_what_the_parser_takes_for_it_however_lenient_that_is(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """What follows the request looks like the end of a head, and what is sent next like the body of the same."""
    made = HeadProtocol.connection_made

    def lenient(self: HeadProtocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_optional_cr_before_lf=True)

    monkeypatch.setattr(HeadProtocol, "connection_made", lenient)
    request = post(b"", length=len(body)).removesuffix(END) + b"\n\n" + body
    seeming = (request + END).partition(END)[0] + END
    parsed, remembered = await _both([(seeming + b"\r\n\r", True), (seeming + b"two", True)])
    assert b" 200 " in parsed[0]
    assert remembered == parsed


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bytes are let pass."""
    monkeypatch.setattr(HeadProtocol, "limits", HeadLimits(bytes=500))


@pytest.mark.usefixtures("limited")
def test_limits_hold_for_what_follows() -> None:
    one, large = (post(b"one"), True), (post(b"one", b"A: " + b"b" * 500), True)
    parsed, remembered = asyncio.run(_both([one, one, large]))
    assert b" 431 " in remembered[0]
    assert remembered == parsed


async def test_each_request_is_judged_by_itself_though_its_head_be_known(served: Served) -> None:
    alice = await served.as_("alice")
    async with listening(served) as address, asyncio.timeout(SECONDS):
        host, port = address.removeprefix("ws://").partition("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        asked = [b'{"query": "{ me { id } }"}', b'{"query": "{ me { i1 } }"}', b'{"query": "{ me { id } }"}']
        told = [await _asked(reader, writer, alice, each) for each in asked]
        assert [b'"errors"' in body for _, body in told] == [False, True, False]
        assert int(told[2][0]["ratelimit-remaining"]) < int(told[0][0]["ratelimit-remaining"])
        assert len({head["x-request-id"] for head, _ in told}) == len(told)
        authentication = served.services.authentication
        proved = await authentication.authenticator.authenticate(f"Bearer {alice.token}")
        assert proved is not None
        await authentication.accounts.logout(proved.principal)
        _, body = await _asked(reader, writer, alice, asked[0])
        assert b"TOKEN_REVOKED" in body
        writer.close()


async def test_those_who_share_a_proxys_connection_are_kept_apart(served: Served, stores: EmbeddedStores) -> None:
    app = create_app(settings_on(stores, served.services.database.db.name, trusted_proxies="127.0.0.1"), schema())
    app.state.services = served.services
    alice, bob = await served.as_("alice"), await served.as_("bob")
    callers = {b"192.0.2.1": alice, b"192.0.2.2": bob, b"192.0.2.3": served.nobody, b"192.0.2.4": served.nobody}
    left: dict[bytes, list[int]] = {ip: [] for ip in callers}
    async with listening(replace(served, app=app)) as address, asyncio.timeout(SECONDS):
        host, port = address.removeprefix("ws://").partition("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for ip, caller in [*callers.items()] * 3:
            scheme = b"https" if ip[-1] % 2 else b"http"
            said = (b"X-Forwarded-For: " + ip, b"X-Forwarded-Proto: " + scheme, b"X-Request-ID: id-" + ip)
            headers, body = await _asked(reader, writer, caller, b'{"query": "{ me { email } }"}', *said)
            assert json.loads(body)["data"] == {"me": {"email": caller.user.email} if caller.user else None}
            assert headers["x-request-id"] == f"id-{ip.decode()}"
            assert ("strict-transport-security" in headers) == (scheme == b"https")
            left[ip].append(int(headers["ratelimit-remaining"]))
        writer.close()
    assert all(each == sorted(set(each), reverse=True) for each in left.values())
    assert left[b"192.0.2.3"] == left[b"192.0.2.4"]


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Caller, body: bytes, *said: bytes
) -> tuple[dict[str, str], bytes]:
    """Headers and body of what is answered on a connection that stays open."""
    proof = [b"Authorization: Bearer %b" % caller.token.encode()] if caller.token else []
    line = b"POST /graphql HTTP/1.1"
    writer.write(post(body, b"Content-Type: application/json", *proof, *said, line=line))
    _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    return headers, await reader.readexactly(int(headers["content-length"]))
