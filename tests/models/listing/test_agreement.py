"""Lists read by windows of an index say what a plain look at every conversation says, page by page, either way."""

import random

import pytest
from beanie import PydanticObjectId

from models import conversation_list, list_terms
from models.conversation_list import ConversationFilter, ConversationOrder, ListRequest, list_conversations, place
from models.database import Database
from models.listing import choice, starts, walk
from models.listing.starts import Starts
from tests.models.listing.plain import Clock, Reach, any_filter, conversation, listed, paged, reaches, stored

CONVERSATIONS = 150
LISTS = 30


@pytest.fixture(params=["as they are", "tiny"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Samples, windows and budgets so small that few conversations need all of them."""
    if request.param == "tiny":
        monkeypatch.setattr(list_terms, "SAMPLE", 3)
        monkeypatch.setattr(walk, "MARKS", 5)
        monkeypatch.setattr(walk, "CROWD", 3)
        monkeypatch.setattr(choice, "FEW", 3)
        monkeypatch.setattr(starts, "LITTLE", 2)
        monkeypatch.setattr(starts, "MANY", 5)
        monkeypatch.setattr(conversation_list, "BUDGET", 12)
        monkeypatch.setattr(conversation_list, "LEAST_BUDGET", 3)
        monkeypatch.setattr(conversation_list, "MOST_SOURCES", 6)
    return str(request.param)


@pytest.mark.parametrize("seed", range(2))
async def test_pages_are_those_of_a_plain_look(database: Database, sizes: str, seed: int) -> None:
    chance = random.Random(seed)
    stock = await stored(database, chance, CONVERSATIONS)
    shapes = reaches([each.id for each in chance.sample(stock, 40)])
    for _ in range(LISTS):
        reach: list[Reach] = chance.sample([*shapes.values()], chance.choice((1, 1, 2, 4)))
        wanted, order, size = any_filter(chance), chance.choice([*ConversationOrder]), chance.choice((7, 20, 100))
        expected = listed(stock, reach, wanted, order)
        backwards = chance.random() < 0.5
        found = await paged(database, reach, wanted, order, size, backwards=backwards)
        assert found == expected, (wanted, order, size, backwards)


@pytest.mark.parametrize("seed", range(2))
async def test_what_is_known_of_earlier_lists_changes_none(database: Database, sizes: str, seed: int) -> None:
    """Nor what was known, and is no longer so: conversations come, change and go meanwhile."""
    chance, clock = random.Random(seed), Clock()
    stock = await stored(database, chance, CONVERSATIONS)
    shapes, known = reaches([each.id for each in chance.sample(stock, 40)]), Starts(clock)
    for number in range(LISTS):
        reach: list[Reach] = chance.sample([*shapes.values()], chance.choice((1, 1, 2, 4)))
        wanted = any_filter(chance) if number % 4 == 0 else ConversationFilter(archived=chance.choice((None, False)))
        order, size = chance.choice([*ConversationOrder][:2] * 2 + [*ConversationOrder]), chance.choice((7, 20, 100))
        backwards = chance.random() < 0.2
        found = await paged(database, reach, wanted, order, size, backwards=backwards, starts=known)
        assert found == listed(stock, reach, wanted, order), (number, wanted, order, size, backwards)
        clock.goes_on(chance)
        if number % 10 == 0:
            await known.look(database.db)
            stock += await stored(database, chance, chance.choice((1, 30)))
        for n in chance.sample(range(len(stock)), 3):
            other = conversation(chance)
            stock[n] = await stock[n].change({"updated_at": other.updated_at, "deleted": other.deleted})


async def test_a_list_read_while_others_write_shows_all_that_stays_where_it_is(database: Database, sizes: str) -> None:
    chance = random.Random(3)
    stock = await stored(database, chance, 90)
    everything, known = reaches([])["everything"], Starts()
    moving = {each.id for each in chance.sample(stock, 30)}
    found: list[PydanticObjectId] = []
    edge, more = None, True
    while more:
        request = ListRequest(ConversationOrder.UPDATED_DESC, 4, edge)
        page = await list_conversations(database.db, [everything.scope], ConversationFilter(), request, known)
        found += [each.id for each in page.conversations]
        more = page.more
        edge = page.reached or (place(page.conversations[-1], request.order) if page.conversations else edge)
        for each in chance.sample(stock, 2):
            if each.id in moving:
                await each.change({"title": "moved", "title_key": "moved"})
        await conversation(chance).insert()
    staying = [id_ for id_ in listed(stock, [everything], ConversationFilter(), request.order) if id_ not in moving]
    assert [id_ for id_ in found if id_ in set(staying)] == staying
    assert len(set(found)) == len(found)


async def test_what_changes_is_found_by_what_it_is_now(database: Database, sizes: str) -> None:
    chance = random.Random(4)
    stock = await stored(database, chance, 40)
    for _ in range(60):
        n = chance.randrange(len(stock))
        other = conversation(chance)
        names = chance.sample(["tags", "attributes", "archived", "title", "grantees"], 2)
        fields = {name: getattr(other, name) for name in names}
        if "title" in fields:
            fields["title_key"] = other.title_key
        stock[n] = await stock[n].change(fields)
    for record in await database.db.conversations.find({}).to_list():
        right = list_terms.stored_terms(record["_id"], record)
        assert {name: sorted(record[name]) for name in right} == {name: sorted(right[name]) for name in right}
    shapes = reaches([])
    for _ in range(LISTS):
        reach, wanted = chance.choice([*shapes.values()]), any_filter(chance)
        order = chance.choice([*ConversationOrder])
        assert await paged(database, [reach], wanted, order, 20) == listed(stock, [reach], wanted, order)
