"""What is remembered of lists: how many calls it saves, and that it never has much read."""

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from beanie import PydanticObjectId
from beanie.odm.utils.dump import get_dict

from models.conversation_list import (
    Attribute,
    ConversationFilter,
    ConversationOrder,
    ListRequest,
    Scope,
    list_conversations,
    place,
)
from models.database import Database, Record
from models.list_terms import EVERY, SAMPLE, TOP, stored_terms
from models.listing.lines import Line
from models.listing.starts import FRESH_SECONDS, KEPT_SECONDS, LITTLE, MANY, Start, Starts
from tests.models.listing.plain import NOON, OWNERS, Clock, conversation, reaches
from tests.models.rounds import Rounds

ALICE = OWNERS[0]
RULE = {"attributes.region": "EMEA", "attributes.department": "Sales"}
SCOPES = reaches([])
OWN = [SCOPES[name].scope for name in ("owner", "user", "role")]
JUDGED = Scope(RULE, {**{name: {"$eq": value} for name, value in RULE.items()}, "attributes.level": {"$lte": 2}})
CALLERS = {"alice": OWN, "analyst": [*OWN, JUDGED], "admin": [SCOPES["everything"].scope]}
PAGE = ListRequest(ConversationOrder.UPDATED_DESC, 10)


async def plant(database: Database, chance: random.Random, number: int, owner: PydanticObjectId = ALICE) -> None:
    """So many more, of Alice and another, each later than those before."""
    like = get_dict(conversation(chance), to_db=True)
    start = await database.db.conversations.count_documents({})
    records: list[Record] = []
    for n in range(start, start + number):
        id_, time = PydanticObjectId(chance.randbytes(12)), NOON + timedelta(seconds=n)
        attributes = {"region": chance.choice(("EMEA", "US")), "department": "Sales", "level": chance.choice((1, 2, 3))}
        own = {"owner_id": chance.choice((owner, OWNERS[1])), "grantees": chance.choice(([], [], [], ["user:1"]))}
        record = like | own | {"_id": id_, "deleted": False, "title": None, "title_key": None, "tags": []}
        record |= {"attributes": attributes, "updated_at": time, "started_at": time}
        records.append(record | stored_terms(id_, record))
    for begin in range(0, number, 100):
        await database.db.conversations.insert_many(records[begin : begin + 100])


class Asking:
    """Lists whose calls are counted."""

    def __init__(self, database: Database, who: str, starts: Starts) -> None:
        self._db = database.db
        self._scopes = CALLERS[who]
        self._starts = starts
        self.matches: Sequence[Record] = ()

    async def costs(self) -> tuple[int, int]:
        """Of a list: how many rounds, and how many calls altogether."""
        counted = Rounds(self._db)
        page = await list_conversations(counted.db, self._scopes, ConversationFilter(), PAGE, self._starts)
        assert len(page.conversations) == PAGE.size
        self.matches = counted.matches
        return counted.rounds, len(counted.matches)

    async def looked_at(self) -> int:
        """How many entries of the index the calls of the last one found."""
        return sum([await self._db.conversations.count_documents(match) for match in self.matches])


@pytest.mark.parametrize(
    ("who", "costs"), [("alice", [(2, 4), (1, 2)]), ("analyst", [(2, 7), (1, 3)]), ("admin", [(2, 2), (1, 1)])]
)
async def test_a_usual_list_is_one_round_or_two(database: Database, who: str, costs: list[tuple[int, int]]) -> None:
    """Two the first time, and when it isn't fresh any more; one else. A call for each scope, or for all the shares."""
    await plant(database, random.Random(1), 100)
    clock = Clock()
    starts = Starts(clock)
    await starts.look(database.db)
    asking, (first, then) = Asking(database, who, starts), costs
    assert await asking.costs() == first
    assert await asking.costs() == then
    clock.now += FRESH_SECONDS + 1
    again = await asking.costs()
    assert again[0] == 2
    assert again[1] <= first[1]
    assert await asking.costs() == then


@pytest.mark.parametrize(("who", "cold", "warm"), [("alice", 4, 2), ("analyst", 5, 2), ("admin", 4, 2)])
async def test_a_usual_list_of_many_is_two_rounds(database: Database, who: str, cold: int, warm: int) -> None:
    """Also where nobody has looked how many there are."""
    await plant(database, random.Random(1), 1_200)
    asking = Asking(database, who, Starts())
    first = await asking.costs()
    assert first[0] <= cold
    for _ in range(3):
        found = await asking.costs()
        assert found[0] <= warm
        assert found[1] <= 2 * len(CALLERS[who])
        assert await asking.looked_at() < 6 * SAMPLE * len(CALLERS[who])


async def test_what_was_little_and_is_much_is_read_as_much(database: Database) -> None:
    """Also where nobody looked again how many there are: the marks tell, of which one in 32 is read."""
    clock, chance = Clock(), random.Random(1)
    starts = Starts(clock)
    asking = Asking(database, "admin", starts)
    await plant(database, chance, 40)
    await starts.look(database.db)
    await asking.costs()
    await plant(database, chance, 1_500)
    clock.now += FRESH_SECONDS + 1
    for _ in range(2):
        await asking.costs()
        assert await asking.looked_at() < 6 * SAMPLE


async def test_what_is_little_up_to_a_mark_is_read_up_to_it(database: Database) -> None:
    """And not to the line's end: here is a mark of the second level by chance, and few of the first before it."""
    await plant(database, random.Random(1), 400)
    every = await database.db.conversations.find({}).sort("updated_at", -1).to_list()
    await database.db.conversations.update_many({}, {"$pull": {"terms": {"$in": [f"{n}{EVERY}" for n in (1, 2, 3)]}}})
    for place_, level in ((20, 1), (40, 2), (300, 2)):
        terms = [f"{n}{EVERY}" for n in range(1, level + 1)]
        await database.db.conversations.update_one(
            {"_id": every[place_]["_id"]}, {"$push": {"terms": {"$each": terms}}}
        )
    asking = Asking(database, "admin", Starts())
    await asking.costs()
    assert await asking.costs() == (1, 1)
    assert await asking.looked_at() == 40


async def test_what_was_remembered_for_one_page_serves_the_next_ones(database: Database) -> None:
    """Of what reaches to the line's end; a place in its midst says nothing of what lies beyond."""
    await plant(database, random.Random(1), 300)
    starts, found = Starts(), list[PydanticObjectId]()
    for size in (10, 100, 10):
        page, after, found = None, None, []
        while page is None or page.more:
            request = ListRequest(PAGE.order, size, after)
            page = await list_conversations(database.db, CALLERS["admin"], ConversationFilter(), request, starts)
            found += [each.id for each in page.conversations]
            after = page.reached or place(page.conversations[-1], request.order)
        assert len(found) == len(set(found)) == 300


def line(owner: PydanticObjectId | None = ALICE, term: str = EVERY, direction: int = -1) -> Line:
    """One that nobody reads."""
    db: Database = None  # type: ignore[assignment]
    return Line(db, {"owner_id": owner} if owner else {}, "terms", (term,), "updated_at", False, direction)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("marks", "levels"), [(0, (0, 1, None)), (LITTLE, (0, 1, None)), (LITTLE + 1, (1, 1, None)), (MANY, (2, 2, None))]
)
def test_what_is_little_is_taken_for_little_for_a_moment(marks: int, levels: Sequence[int | None]) -> None:
    clock = Clock()
    starts = Starts(clock)
    starts.note(line(), marks, 7)
    for now, level in zip((FRESH_SECONDS, FRESH_SECONDS + 1, KEPT_SECONDS + 1), levels, strict=True):
        clock.now = now
        assert starts.of(line()) == (None if level is None else Start(level, 7))


def test_nothing_is_known_of_other_lines() -> None:
    starts = Starts()
    starts.note(line(), 1, None)
    others = [line(OWNERS[1]), line(None), line(term="f0"), line(direction=1), line().within(5)]
    assert [starts.of(other) for other in others] == [None] * len(others)
    starts.choose([line(), line(None)], line(None))
    assert starts.chosen([line(), line(None)]) == line(None)
    assert starts.chosen([line(None), line()]) is None


@pytest.mark.parametrize(
    "wanted",
    [
        ConversationFilter(owner_id=ALICE),
        ConversationFilter(tags_all=["a"]),
        ConversationFilter(tags_any=[]),
        ConversationFilter(started_after=NOON),
        ConversationFilter(title_contains="a"),
        ConversationFilter(attributes=[Attribute("region", "EMEA")]),
    ],
)
def test_who_names_something_is_not_told_by_its_speed_whether_others_asked_for_it(wanted: ConversationFilter) -> None:
    starts = Starts()
    starts.note(line(), 1, None)
    assert starts.about(wanted).of(line()) is None
    assert starts.about(ConversationFilter(archived=False)) is starts


async def test_lists_begin_with_the_level_of_which_there_are_some(database: Database) -> None:
    clock = Clock()
    starts = Starts(clock)
    assert starts.top == TOP
    await starts.look(database.db)
    assert starts.top == starts.about(ConversationFilter(owner_id=ALICE)).top == 1
    terms = [f"{level}{EVERY}" for level in range(3)]
    await database.db.conversations.insert_many([{"terms": terms, "deleted": n % 2 > 0} for n in range(3)])
    await starts.look(database.db)
    assert starts.top == 2
    clock.now = KEPT_SECONDS + 1
    assert starts.top == TOP
