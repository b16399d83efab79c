"""The baselines on Python answer as we do, or `make bench` would measure nothing."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette

from models.bucket import MessageRole
from models.tree import Draft
from resolvers.account.types import user_id
from tests.benchmarks import handwritten, works
from tests.benchmarks.plain_strawberry import routes
from tests.benchmarks.works import BY_HAND, Work
from tests.served import Caller, Served

OURS: Final = "ours"
PLAIN: Final = "plain"
ALL: Final = (OURS, BY_HAND, PLAIN)
CONVERSATION: Final = ("message_count", "branch_count", "news", "newest", "chosen_branch")
BUCKET: Final = ("branch", "slot", "tail", "next_depth", "open", "changes", "unindexed", "uncounted")


plain: Final = cache(routes)
"""Building a schema takes a while."""


@pytest.fixture
def apps(served: Served) -> dict[str, Starlette]:
    """By name, on the same services."""
    services = served.services
    found = {BY_HAND: Starlette(routes=handwritten.routes(services)), PLAIN: Starlette(routes=plain()(services))}
    for app in found.values():
        app.state.services = services
    return {OURS: served.app} | found


async def test_they_show_a_page_to_who_may_see_it(served: Served, apps: dict[str, Starlette]) -> None:
    alice = await served.as_("alice")
    conversation = await works.planted(served, alice)
    for name, edges in (("alice", works.PAGE), ("sara", works.PAGE), ("bob", None)):
        caller = await served.as_(name)
        ours, *others = await asked(apps, works.page(conversation, caller, ALL))
        assert others == [ours, ours]
        assert (ours and len(ours["messages"]["edges"])) == edges, name


async def test_they_show_what_has_come_since_they_looked(served: Served, apps: dict[str, Starlette]) -> None:
    alice = await served.as_("alice")
    conversation = await works.planted(served, alice)
    page = works.page(conversation, alice, ALL)
    before = await asked(apps, page)
    assert await asked(apps, page) == before  # by what is remembered
    draft = Draft(MessageRole.USER, "new")
    await served.services.tree.append_at_end(conversation, "main", draft)
    after = await asked(apps, page)
    assert after == [after[0]] * len(ALL)
    assert after[0]["messages"]["edges"][-1]["node"]["content"] == "new"


async def test_they_know_who_asks(served: Served, apps: dict[str, Starlette]) -> None:
    alice = await served.as_("alice")
    answers = await asked(apps, works.me(alice, ALL))
    assert answers == [{"id": alice.user and user_id(alice.user.id)}] * len(ALL)
    strange = Caller(alice.http, alice.user, f"{alice.token}x")
    assert await asked(apps, works.me(strange, ALL)) == [None, None, None]


async def test_they_store_the_same(served: Served, apps: dict[str, Starlette]) -> None:
    alice = await served.as_("alice")
    work = await works.append(served, alice, ALL, connections=1)
    for depth in range(3):  # the first is another case than those after it
        for answer in await asked(apps, work):
            assert (answer["message"]["depth"], answer["message"]["content"]) == (depth, works.TEXT)
    db = served.services.database.db
    conversations = [_some(each, CONVERSATION) async for each in db.conversations.find()]
    buckets = [_some(each, BUCKET) async for each in db.buckets.find()]
    assert conversations == [conversations[0]] * len(ALL)
    assert buckets == [buckets[0]] * len(ALL)


def _some(stored: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [stored[name] for name in names]


async def asked(apps: dict[str, Starlette], work: Work) -> list[Any]:
    """What each gives for the only root field, if anything."""
    found: list[Any] = []
    for name in ALL:
        head, _, body = work.requests[name][0].partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        transport = httpx.ASGITransport(apps[name])
        async with httpx.AsyncClient(transport=transport, base_url="http://parley.test") as http:
            answer = await http.request(method, path, headers=headers, content=body.encode())
        data = (answer.json().get("data") or {None: None}) if answer.is_success else {None: None}
        found += data.values()
    return found
