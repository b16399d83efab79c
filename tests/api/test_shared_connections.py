"""Requests that share a connection share nothing else."""

import asyncio
import json
from dataclasses import replace

from api.app import create_app
from models.embedded import EmbeddedStores
from tests.api.test_raw_http import SECONDS
from tests.api.test_socket_expiry import listening
from tests.served import Caller, Served, schema, settings_on


async def test_each_request_of_a_connection_is_judged_by_itself(served: Served) -> None:
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
    said = (b"Host: x", b"Content-Type: application/json", *proof, *said, b"Content-Length: %d" % len(body))
    writer.write(b"\r\n".join([b"POST /graphql HTTP/1.1", *said, b"", body]))
    _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    return headers, await reader.readexactly(int(headers["content-length"]))
