"""Nobody keeps a worker compiling, whatever he sends: past his share he is answered as ever, and so are all others."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from strawberry.types.graphql import OperationType

from api.compiler.compiled import SIGHTS
from api.documents.shares import ADDRESS_SECONDS, MINUTE, MOST_CALLERS, SECONDS, Shares
from api.execution import Question, answer
from api.schema import Schema, build_schema
from permissions.authn.principal import Client, Principal, new_id
from resolvers.context import Context
from tests.resolvers.admin.test_audit import context
from tests.served import Served

TAKES = 0.05
"""Seconds: what the largest take."""
DOCUMENTS = 30


@dataclass
class Taking(Shares):
    """Where all takes long, by a clock that somebody sets."""

    at: float = 0.0
    taken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(lambda: self.at)

    def take(self, asker: object, seconds: float) -> None:
        assert isinstance(asker, Context)
        self.taken.append(str(asker.principal and asker.principal.user_id))
        super().take(asker, TAKES)


async def by(served: Served, name: str, ip: str = "192.0.2.7") -> Context:
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    return replace(context(served, name, access), client=Client(ip))


async def send(schema: Schema, asker: Context, number: int) -> Any:
    """A document that nobody has sent, as often as it takes to be compiled."""
    text = f"{{ a{number}: me {{ id displayName }} }}"
    for _ in range(SIGHTS):
        told = await answer(schema, Question(text, None, None, asker, {OperationType.QUERY}))
    return told


async def test_who_sends_one_document_after_the_other_has_his_share_compiled_and_no_more(served: Served) -> None:
    schema = build_schema()
    shares = schema.shares = Taking()
    mallory, alice = await by(served, "sara"), await by(served, "alice", "198.51.100.1")
    for number in range(DOCUMENTS):
        told = await send(schema, mallory, number)
        assert told.data[f"a{number}"]["displayName"]  # he is answered all the same
        assert not told.errors
    assert len(shares.taken) == pytest.approx(SECONDS / TAKES, abs=1)
    await send(schema, alice, DOCUMENTS)
    assert shares.taken[-1] == str(served.people["alice"].id)  # of hers nothing is gone
    await send(schema, alice, 0)  # what he sent is compiled for who has something left
    assert len(shares.taken) == pytest.approx(SECONDS / TAKES + 2, abs=1)
    before = len(shares.taken)
    shares.at += MINUTE / 2
    for number in range(DOCUMENTS, 2 * DOCUMENTS):
        await send(schema, mallory, number)
    assert len(shares.taken) - before == pytest.approx(SECONDS / TAKES / 2, abs=1)


async def test_variants_of_one_document_count_each(served: Served) -> None:
    schema = build_schema()
    shares = schema.shares = Taking()
    mallory = await by(served, "sara")
    for _ in range(round(SECONDS / TAKES) - 1):
        shares.take(mallory, 0)
    text, before = "query ($a: Boolean!) { me { id displayName @include(if: $a) } }", len(shares.taken)
    for number in range(6 * SIGHTS):
        given = {"a": number % 2 == 0}
        assert (await answer(schema, Question(text, given, None, mallory, {OperationType.QUERY}))).data
    assert len(shares.taken) - before == 1


async def test_accounts_at_one_address_share_one_and_nobody_has_that_of_his_network(served: Served) -> None:
    shares = Shares(lambda: 0.0)
    alice = await by(served, "alice")
    others = [replace(alice, principal=Principal(served.people["bob"].id, new_id())) for _ in range(2)]
    assert shares.left(alice)
    shares.take(alice, SECONDS)
    assert not shares.left(alice)
    assert all(shares.left(each) for each in others)
    shares.take(alice, ADDRESS_SECONDS - SECONDS)
    assert not any(shares.left(each) for each in others)
    assert shares.left(replace(others[0], client=Client("198.51.100.1")))
    nobody = [replace(alice, principal=None, client=Client(f"2001:db8::{number}")) for number in range(1, 3)]
    shares.take(nobody[0], SECONDS)
    assert not shares.left(nobody[1])
    assert shares.left(replace(nobody[0], client=Client("2001:db8:0:1::1")))


async def test_only_the_latest_are_kept(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.documents.shares.MOST_CALLERS", 10)
    assert MOST_CALLERS > 10
    shares, alice = Shares(lambda: 0.0), await by(served, "alice")
    for number in range(40):
        shares.take(replace(alice, principal=None, client=Client(f"192.0.2.{number}")), 0.1)
    assert len(shares._spent) == 10


async def test_what_nobody_asked_for_is_compiled(served: Served) -> None:
    schema = build_schema()
    assert schema.shares.left(None)
    schema.shares.take(None, 100.0)
    assert schema.shares.left(None)
