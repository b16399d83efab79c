"""Schemathesis over the whole schema: each root field, as an administrator, as a guest and as nobody.

Its own check takes any error of a resolver for a fault; ours knows which codes are answers.
"""

import asyncio
from itertools import cycle

from tests.fuzz.generating import SEED, some
from tests.fuzz.judging import Judge
from tests.fuzz.stock import stock
from tests.fuzz.trials import Answer, ask, send_all
from tests.served import SECRET, Served

EACH = 2
WHO = ("admin", "guest", "admin", None)


async def test_no_field_breaks_the_server(served: Served) -> None:
    fields = await asyncio.to_thread(stock)
    assert len(fields) >= 60, "all of the schema"
    callers = cycle([(await served.as_(who)).token if who else None for who in WHO])

    async def send(document: str) -> Answer:
        return await ask(served.http, Judge.here(SECRET), {"query": document}, next(callers))

    tried = await send_all([document for field in fields.values() for document in await some(field, EACH)], send)
    assert not [f"seed {SEED}: {answer.faults} of {document}" for document, answer in tried if answer.faults]
