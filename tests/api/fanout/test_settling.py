"""What was decided for an answer is written down, whatever is decided meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest
from pymongo.errors import AutoReconnect

from models.database import Record
from permissions.audit.writer import Writer
from permissions.engine.facts import Resource
from tests.api.fanout.crowds import PATIENCE_SECONDS, crowd_of
from tests.api.fanout.test_rooms import PLAIN
from tests.resolvers.chat.documents import start
from tests.served import Served


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_decided_while_something_is_written_is_written_with_the_next(
    served: Served, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Whoever is judged anew then goes by other rules, and what he was denied by those of before must not be lost."""
    begun, go_on, write = asyncio.Event(), asyncio.Event(), Writer.write

    async def slowly(self: Writer, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        if not begun.is_set() and any(record.get("action") == "report:delete" for record in records):
            begun.set()
            await go_on.wait()
            if fails:
                raise AutoReconnect("away")
        await write(self, records, maybe)

    monkeypatch.setattr(Writer, "write", slowly)
    conversation = await start(await served.as_("sara"))
    async with crowd_of(served) as crowd, asyncio.timeout(PATIENCE_SECONDS):
        context = (await crowd.enter("sara", PLAIN, id=conversation))[0].context
        decisions = [context.access.decide("report:delete", Resource("report", "1"))]
        settling = asyncio.create_task(context.settle())
        await begun.wait()
        decisions.append(context.access.decide("report:delete", Resource("report", "2")))
        context.adopt(await context.judged())
        go_on.set()
        (error,) = await asyncio.gather(settling, return_exceptions=True)
        assert isinstance(error, AutoReconnect) == fails
        await context.settle()
    assert not any(decisions)
    for each in decisions:
        assert await served.services.audit.find_decision(each.id)
