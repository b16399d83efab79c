"""Forged and damaged tokens over HTTP and over a socket's handshake: refused, each with the same code, and no 500."""

import asyncio
import json
from typing import Any

import pytest

from permissions.authn.keys import ALGORITHMS, KeyRing
from tests.database_calls import database_calls
from tests.permissions.authn.attacks import attacks
from tests.permissions.authn.forgery import Forger
from tests.served import SECRET, Served

WHO = '{"query": "{ conversations(first: 1) { edges { cursor } } }"}'
JSON = (b"content-type", b"application/json")


async def forger_of(served: Served, algorithm: str) -> Forger:
    """Has the key that the server signs with, which is of `algorithm` from now on."""
    ring = KeyRing(SECRET, algorithm=algorithm)
    await ring.load()
    if ring.newest and ring.newest.algorithm != algorithm:
        await ring.rotate(ring.newest.number)
        await served.services.authentication.keys.load()
    return Forger(ring)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_attack_gets_the_same_code_and_little_work(
    served: Served, algorithm: str, subtests: pytest.Subtests
) -> None:
    forger, table = await forger_of(served, algorithm), attacks(algorithm)
    await served.nobody.ask("{ __typename }")  # the rules are read once
    with database_calls(own=True) as calls:
        for name, attack in table.items():
            bearer = b"Bearer " + attack(forger).encode(errors="surrogatepass")
            answer = await served.http.post("/graphql", content=WHO, headers=[JSON, (b"authorization", bearer)])
            with subtests.test(name):
                assert answer.status_code < 500
                codes = [error["extensions"]["code"] for error in answer.json()["errors"]]
                assert codes == ["UNAUTHENTICATED"]
                assert answer.json().get("data") is None
    # Once a second, whoever asks, it is looked whether the rules are still the same.
    worked = [collection for _, collection in calls if collection != "permission_changes"]
    assert set(worked) <= {"signing_keys"}, "of a token only its key is looked for, if its id could be one of ours"
    assert len(worked) <= 3


async def told_on_a_socket(served: Served, token: str) -> list[dict[str, Any]]:
    """What the server sends to one who brings `token` with his first message, and asks something at once."""
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()
    ask = {"type": "subscribe", "id": "1", "payload": json.loads(WHO)}
    texts = [{"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}, ask]
    arriving: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": json.dumps(text)} for text in texts),
    ]

    async def receive() -> dict[str, Any]:
        if arriving:
            return arriving.pop(0)
        await ended.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "websocket.close" or '"id":"1"' in message.get("text", "").replace(" ", ""):
            ended.set()

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.7", 7),
        "subprotocols": ["graphql-transport-ws"],
        "app": served.app,
    }
    async with asyncio.timeout(10):
        await served.app(scope, receive, send)
    return sent


def refused(sent: list[dict[str, Any]]) -> bool:
    """Whether the socket was closed for want of a proof, and told nothing else."""
    return [(each["type"], each.get("code")) for each in sent[1:]] == [("websocket.close", 4403)]


OVER_SOCKETS = (
    "alg 'none', no signature",
    "alg 'HS256'",
    "HMAC (sha256) with PEM",
    "kid '../../../etc/passwd'",
    "kid of a key that is gone",
    "header jwk",
    "typ 'JWT'",
    "aud of somebody else",
    "sub missing",
    "a megabyte",
    "claim twice",
    "bit flipped 1/3 through",
    "a refresh token",
    "EdDSA: S with the order added",
)


@pytest.mark.parametrize("name", OVER_SOCKETS)
async def test_a_socket_gives_nothing_to_a_forger(served: Served, name: str) -> None:
    forger = await forger_of(served, "EdDSA")
    assert refused(await told_on_a_socket(served, attacks("EdDSA")[name](forger)))


async def test_a_socket_answers_who_has_a_real_token(served: Served) -> None:
    alice = await served.as_("alice")
    assert alice.token
    assert not refused(await told_on_a_socket(served, alice.token))
