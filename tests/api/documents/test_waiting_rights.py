"""Who waits for his turn: by whose rights he is answered then, and who counts as one."""

import asyncio
from dataclasses import replace

from strawberry.types.graphql import OperationType

from api.documents.bench import name_of
from api.documents.limits import DocumentLimits
from api.execution import Question, answer
from api.schema import build_schema
from permissions.access import Access
from permissions.authn.principal import Client
from tests.api.documents.test_shares import by
from tests.permissions.authn.revocation.workers import eventually
from tests.served import Served


async def test_who_may_not_read_the_schema_any_more_when_his_turn_comes_does_not(served: Served) -> None:
    schema = build_schema(DocumentLimits(introspection="signed_in"))
    alice = await by(served, "alice")

    async def signed_out(*_: object) -> Access:
        return await served.services.permissions.access(None)

    alice.judge = signed_out
    async with schema.gate.turn(name_of(alice)), schema.gate.turn(name_of(alice)):
        question = Question("{ __schema { types { name } } }", None, None, alice, {OperationType.QUERY})
        asked = asyncio.create_task(answer(schema, question))
        await eventually(lambda: schema.gate.places.waiting)
    told = await asked
    assert told.data is None
    assert [(each.extensions or {})["code"] for each in told.errors or ()] == ["UNAUTHENTICATED"]


async def test_nobody_is_one_caller_whichever_address_of_his_network_he_takes(served: Served) -> None:
    nobody = replace(await by(served, "alice"), principal=None)
    ips = "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.7", None
    names = [name_of(replace(nobody, client=Client(each))) for each in ips]
    assert names[0] == names[1]
    assert len(set(names)) == len(ips) - 1
