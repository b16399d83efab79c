"""Windows: where they end, and that a crowd at one instant doesn't make them wide."""

import random
from datetime import timedelta
from itertools import product

import pytest
from beanie.odm.utils.dump import get_dict
from bson import ObjectId

from models.conversation_list import ConversationFilter, ConversationOrder, ListRequest, list_conversations, place
from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.list_terms import SAMPLE, TOP, highest_level, stored_terms
from models.listing.starts import Starts
from models.listing.walk import windows
from tests.models.commands import watched
from tests.models.listing.plain import NOON, conversation, reaches
from tests.models.shapes import filters


@pytest.mark.parametrize(
    ("at", "marks", "edge", "expected"),
    [
        (None, [], None, [(None, 0)]),
        (0, [], 9, [(9, 0)]),
        (0, [1, 2, 3], 9, [(3, 2), (9, 1)]),
        (0, [1, 2, 3, 4, 5, 6, 7], None, [(3, 2), (7, 4), (None, 1)]),
        (9, [8, 7, 6], None, [(6, 2), (None, 1)]),
        (1, [1, 1, 1, 2], 9, [(2, 3), (9, 1)]),
        (0, [1, *[2] * 8, 3], 9, [(2, 1)]),
    ],
)
def test_a_window_ends_after_some_marks_and_before_a_crowd(
    at: int | None, marks: list[int], edge: int | None, expected: list[tuple[int | None, int]]
) -> None:
    assert [*windows(at, marks, edge, 2)] == expected


def test_one_in_32_stands_on_the_next_level() -> None:
    chance = random.Random(1)
    levels = [highest_level(ObjectId(chance.randbytes(12))) for _ in range(20_000)]
    assert 500 < sum(level > 0 for level in levels) < 760
    assert max(levels) <= TOP


async def test_pages_of_a_crowd_look_at_few(database: Database, stores: EmbeddedStores) -> None:
    """1,500 of one instant, as an import leaves them: a page looks at some hundred, wherever it begins."""
    chance = random.Random(1)
    one = conversation(chance).model_copy(update={"deleted": False, "title": None, "title_key": None, "tags": []})
    like = get_dict(one, to_db=True) | {"updated_at": NOON}
    records: list[Record] = []
    for n in range(1_500):
        id_ = conversation(chance).id
        time = {"updated_at": NOON + timedelta(seconds=n)} if n < 100 else {}
        record = like | time | {"_id": id_}
        records.append(record | stored_terms(id_, record))
    for start in range(0, len(records), 500):
        await database.db.conversations.insert_many(records[start : start + 500])
    ids = sorted(record["_id"] for record in records if record["updated_at"] == NOON)
    everything = reaches([])["everything"].scope
    request, known = ListRequest(ConversationOrder.UPDATED_ASC, 20), Starts()
    await known.look(database.db)
    for start, starts in product((0, 500, 1_300), (Starts(), known, known)):
        after = place(one.model_copy(update={"id": ids[start], "updated_at": NOON}), request.order)
        async with watched(database, stores.mongodb_uri) as (db, commands):
            asked = ListRequest(request.order, 20, after)
            page = await list_conversations(db, [everything], ConversationFilter(), asked, starts)
            assert [each.id for each in page.conversations] == ids[start + 1 : start + 21]
            queries = [query for command in commands.sent for query in filters(command)]
            assert len(queries) < 16
            looked = [len(await database.db.conversations.find(query, {"_id": 1}).to_list()) for query in queries]
            assert sum(looked) < 20 * SAMPLE
