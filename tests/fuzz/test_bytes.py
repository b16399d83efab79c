"""Bytes on a real socket of a real server: what is no request is refused; nothing fails, hangs or tells too much."""

import logging
from collections.abc import Iterable

import pytest

from tests.api.test_socket_expiry import listening
from tests.fuzz.exchange import Sent
from tests.fuzz.frames import conversations
from tests.fuzz.generating import SEED, some
from tests.fuzz.grammar import documents
from tests.fuzz.judging import Judge
from tests.fuzz.requests import requests
from tests.fuzz.schema import SCHEMA
from tests.fuzz.trials import Answer, Port, send_all
from tests.fuzz.values import Values
from tests.served import SECRET, Served

REQUESTS, SOCKETS = 150, 60


def port_of(address: str) -> Port:
    host, _, rest = address.partition("//")[2].partition(":")
    return Port(host, int(rest.partition("/")[0]), Judge.here(SECRET))


def faulty(tried: Iterable[tuple[Sent, Answer]]) -> list[str]:
    """What a failing test says, with the seed that makes the same cases again."""
    return [
        f"seed {SEED}: {answer.faults} of {case!r}: {answer.told[:500]!r}" for case, answer in tried if answer.faults
    ]


async def test_no_bytes_break_http(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(served) as address:
        tried = await send_all(await some(requests(), REQUESTS), port_of(address).http)
    assert not faulty(tried)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert {"200", "400"} <= {answer.kind for _, answer in tried}


async def test_no_bytes_break_a_socket(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    alice = await served.as_("alice")
    said = conversations(documents(SCHEMA, Values(("x",))), alice.token)
    async with listening(served) as address:
        tried = await send_all(await some(said, SOCKETS), port_of(address).frames)
    assert not faulty(tried)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert {"1002", "4400"} <= {answer.kind for _, answer in tried}
