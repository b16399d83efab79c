"""Every list that can be asked for is read from an index: of each scope, filter, order and end, nothing scans."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product
from typing import Any

import pytest

from models import list_terms
from models.conversation_list import (
    Attribute,
    ConversationFilter,
    ConversationOrder,
    ListRequest,
    Place,
    Scope,
    list_conversations,
)
from models.database import Database
from models.embedded import EmbeddedStores
from models.listing import walk
from models.listing.starts import Starts
from tests.models.commands import Command, watched
from tests.models.listing.plain import NOON, OWNERS, reaches, stored
from tests.models.shapes import by_shape, scans

WANTED: dict[str, Any] = {
    "owner_id": OWNERS[0],
    "tags_all": ["a", "b"],
    "tags_any": ["a", "b"],
    "started_after": NOON,
    "archived": False,
    "title_contains": "sales",
    "attributes": [Attribute("region", "EMEA")],
}
EDGE = Place(NOON, OWNERS[0])


def filters() -> Iterator[ConversationFilter]:
    """None, each, any two, and all of what can be wanted."""
    for names in chain(combinations(WANTED, 0), combinations(WANTED, 1), combinations(WANTED, 2), [tuple(WANTED)]):
        yield ConversationFilter(**{name: WANTED[name] for name in names})


def requests() -> Iterator[ListRequest]:
    """Of each order: the first page, one from a place on, and the last one before it."""
    for order, deleted in product(ConversationOrder, (False, True)):
        plain = ListRequest(order, 5, deleted=deleted)
        yield from (plain, replace(plain, after=EDGE), replace(plain, before=EDGE, backwards=True))


async def test_no_list_scans(database: Database, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_terms, "SAMPLE", 3)
    monkeypatch.setattr(walk, "CROWD", 3)
    stock = await stored(database, random.Random(1), 120)
    scopes = {name: reach.scope for name, reach in reaches([each.id for each in stock[:5]]).items()}
    reach: list[list[Scope]] = [[scope] for scope in scopes.values()]
    reach += [[scopes["user"], scopes["role"]], [*scopes.values()]]
    every, turn, known = [*requests()], asyncio.Semaphore(16), Starts()

    async def ask(number: int, wanted: ConversationFilter, scopes: list[Scope]) -> None:
        """One of the requests; each meets every filter and scope in turn."""
        async with turn:
            request = every[(number + number // len(every)) % len(every)]
            await list_conversations(db, scopes, wanted, request, known if number % 2 else None)

    async with watched(database, stores.mongodb_uri) as (db, commands):
        await known.look(db)
        asked_for = enumerate(product(filters(), reach))
        await asyncio.gather(*(ask(number, wanted, chosen) for number, (wanted, chosen) in asked_for))
        sent = [command for command in commands.sent if command.name != "getMore"]
        assert {command.collection for command in sent} == {"conversations"}
        for shape, query in by_shape(sent).items():
            assert await scans(database.db, "conversations", query) is None, shape
        assert len(by_shape(sent)) > 15


async def test_a_page_of_one_s_own_takes_four_calls(database: Database, stores: EmbeddedStores) -> None:
    """However many are shared with him: four beside those."""
    await stored(database, random.Random(1), 120)
    shapes = reaches([])
    for names, most in ((["owner"], 4), (["everything"], 4), (["owner", "user", "role"], 8)):
        for wanted in (ConversationFilter(), ConversationFilter(archived=False), ConversationFilter(tags_all=["a"])):
            async with watched(database, stores.mongodb_uri) as (db, commands):
                request = ListRequest(ConversationOrder.UPDATED_DESC, 20)
                page = await list_conversations(db, [shapes[name].scope for name in names], wanted, request)
                assert page.conversations
                assert len(commands.sent) <= most


async def test_sorts_follow_the_index(database: Database, stores: EmbeddedStores) -> None:
    """So that MongoDB walks it and stops: the fields after those of equality, all the same way."""
    await stored(database, random.Random(1), 50)
    indexes = [list(index["key"]) for index in await (await database.db.conversations.list_indexes()).to_list()]
    async with watched(database, stores.mongodb_uri) as (db, commands):
        for wanted, request in product([ConversationFilter(), ConversationFilter(archived=False)], requests()):
            await list_conversations(db, [reaches([])["owner"].scope], wanted, request)
        for command in commands.sent:
            query, order = asked(command)
            equal = [name for name, test in query.items() if not isinstance(test, dict)]
            names = [name for name in order if name not in equal]
            assert len(set(order.values())) == 1
            assert any(
                set(index[: len(equal)]) == set(equal) and index[len(equal) :][: len(names)] == names
                for index in indexes
            ), command.body


def asked(command: Command) -> tuple[dict[str, Any], dict[str, int]]:
    """What is looked up, and in which order; of marks, which are put in order here, the field that is read of them."""
    query, then = command.body["pipeline"][0]["$match"], command.body["pipeline"][1:]
    stages = {name: stage for each in then for name, stage in reversed(each.items())}
    return query, stages.get("$sort") or {stages["$group"]["at"]["$push"].removeprefix("$"): 1}
