"""A query may take so long, and its calls to the database end with it."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from math import inf
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from graphql import GraphQLError

from api.documents.executing import GRACE_SECONDS, Timer
from api.documents.limits import DEFAULT_LIMITS
from api.promptness import within
from api.schema import build_schema
from models.role import Role
from tests.api.documents.test_limits import serving
from tests.served import Caller, Served

SECONDS: Final = 0.2


async def timed(seconds: float, query: Coroutine[Any, Any, Any]) -> None:
    """As a query is."""
    with Timer(seconds) as timer:
        await within(seconds + GRACE_SECONDS, query)
        timer.require()


async def test_what_takes_no_longer_is_let_end() -> None:
    await timed(5, asyncio.sleep(0))


async def test_what_waits_for_ever_ends() -> None:
    started = time.monotonic()
    with pytest.raises(GraphQLError, match=r"may take so many seconds: 0\.2") as refused:
        await timed(SECONDS, asyncio.Event().wait())
    assert refused.value.extensions == {"code": "QUERY_TOO_COMPLEX", "limit": "seconds", "maximum": SECONDS}
    assert time.monotonic() - started >= SECONDS + GRACE_SECONDS - 0.05


async def test_a_call_to_the_database_ends_before_it_is_cancelled(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is begun when the time is up already, by a loader that runs in a task of its own."""
    asked: list[type[BaseException]] = []
    find = Role.find

    class Late:
        def __init__(self, query: Any) -> None:
            self._query = query

        async def __aiter__(self) -> Any:
            await asyncio.sleep(SECONDS)
            try:
                async for each in find(self._query):
                    yield each
            except Exception as error:
                asked.append(type(error))
                raise

    known = await served.as_("admin")
    schema = build_schema(replace(DEFAULT_LIMITS, seconds=SECONDS))
    transport = httpx.ASGITransport(serving(served, schema))
    monkeypatch.setattr(Role, "find", Late)
    async with httpx.AsyncClient(transport=transport, base_url="http://parley.test") as http:
        admin = Caller(http, known.user, known.token)
        answer = await admin.ask("{ users(first: 1) { edges { node { roleAssignments { role { name } } } } } }")
        assert answer.codes == ["QUERY_TOO_COMPLEX"]
        assert answer.body["errors"][0]["extensions"]["limit"] == "seconds"
        assert len(asked) == 1
        monkeypatch.undo()
        assert (await served.nobody.ask("{ me { id } }")).data == {"me": None}


@pytest.mark.parametrize("begun", [0, 1, 2, 3])
async def test_no_field_of_a_mutation_is_begun_late_and_those_before_are_done(
    served: Served, monkeypatch: pytest.MonkeyPatch, begun: int
) -> None:
    looks = iter([0.0] * begun + [inf] * 3)
    monkeypatch.setattr("api.documents.answering.time", SimpleNamespace(monotonic=lambda: next(looks)))
    alice = await served.as_("alice")
    start = "startConversation(input: {}) { conversation { id title } }"
    answer = await alice.ask(f"mutation {{ a: {start} b: {start} c: {start} }}")
    monkeypatch.undo()
    if begun < 3:
        assert answer.codes == ["QUERY_TOO_COMPLEX"]
        (error,) = answer.body["errors"]
        assert (error["path"], error["extensions"]["limit"]) == (["abc"[begun]], "mutation_seconds")
    else:
        assert set(answer.data) == {"a", "b", "c"}
    listed = await alice.ask("{ conversations(first: 10) { edges { node { id messageCount } } } }")
    assert len(listed.data["conversations"]["edges"]) == begun
