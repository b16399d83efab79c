"""What a change stream tells of updates, done again on documents of every age."""

import asyncio
import random
from copy import deepcopy
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import WriteError

from models.backup.deltas import apply, delta
from models.database import Database, Record

UPDATES: list[Any] = [
    {"$set": {"a": {"b": 1}, "z": 1}},
    {"$set": {"a.b": 2, "a.c.d": [1, 2, 3]}},
    {"$push": {"m": {"x": 1, "tags": ["p", "q"]}}},
    {"$push": {"m": {"$each": [{"x": 2}, {"x": 3}]}}},
    {"$set": {"m.1.x": 20, "m.0.tags.1": "r"}},
    {"$pull": {"m": {"x": 20}}},
    {"$unset": {"a.c": "", "z": ""}},
    {"$set": {"a": 5}},
    {"$set": {"a": {"7": "seven", "b": [{"c": 1}]}}},
    {"$set": {"a.7": "eight", "a.b.0.c": 2, "a.b.3": "far"}},
    {"$pop": {"m": 1}},
    {"$push": {"m": {"$each": [], "$slice": 1}}},
    {"$unset": {"m.0.x": "", "a.b.0": ""}},
    {"$inc": {"n": 1}},
    {"$rename": {"n": "k"}},
    [{"$set": {"p": {"$concatArrays": [{"$ifNull": ["$p", []]}, [1]]}}}],
    [{"$set": {"p": {"$filter": {"input": "$p", "as": "e", "cond": {"$gt": ["$$e", 1]}}}}}],
    [{"$unset": "a"}],
]


async def observed(db: AsyncDatabase[Record], updates: list[Any]) -> tuple[list[Record], list[list[Record]]]:
    """The document after each update, and what the stream told of it: nothing where nothing changed."""
    await db.things.replace_one({"_id": 1}, {"m": []}, upsert=True)
    states, told = [await _thing(db)], []
    async with await db.watch(show_expanded_events=True, max_await_time_ms=50) as stream:
        for number, update in enumerate(updates):
            await db.things.update_one({"_id": 1}, update)
            states.append(await _thing(db))
            await db.marks.insert_one({"number": number})
            deltas: list[Record] = []
            async with asyncio.timeout(10):
                while True:
                    event = await stream.try_next()
                    if event and event["ns"]["coll"] == "marks":
                        if event["operationType"] == "insert":
                            break
                    elif event and event["operationType"] == "update":
                        deltas.append(delta(event["updateDescription"]))
            told.append(deltas)
    return states, told


async def _thing(db: AsyncDatabase[Record]) -> Record:
    found = await db.things.find_one({"_id": 1})
    assert found
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_from_any_state_that_a_document_had_its_changes_lead_to_its_last_one(
    database: Database, seed: int
) -> None:
    choose = random.Random(seed)
    updates = UPDATES if seed == 0 else choose.choices(UPDATES, k=40)
    legal = [update for update in updates if await _legal(database.db, update)]
    states, told = await observed(database.db, legal)
    document = deepcopy(states[0])
    for deltas, state in zip(told, states[1:], strict=True):
        for each in deltas:
            apply(document, each)
        assert document == state
    for state in states:
        document = deepcopy(state)
        for each in (each for deltas in told for each in deltas):
            apply(document, each)
        assert document == states[-1]


async def _legal(db: AsyncDatabase[Record], update: Any) -> bool:
    """Whether MongoDB would make it now; it is made, to see what follows."""
    await db.things.update_one({"_id": 1}, {"$setOnInsert": {"m": []}}, upsert=True)
    try:
        await db.things.update_one({"_id": 1}, update)
    except WriteError:
        return False
    return True


def test_a_name_with_a_number_is_no_place_in_an_array() -> None:
    described = {"updatedFields": {"a.7": 1}, "disambiguatedPaths": {"a.7": ["a", "7"]}}
    document: Record = {"a": {}}
    apply(document, delta(described))
    assert document == {"a": {"7": 1}}


def test_arrays_are_cut_before_they_are_written_to() -> None:
    described = {"truncatedArrays": [{"field": "a", "newSize": 1}], "updatedFields": {"a.0": 9, "a.1": 8}}
    document: Record = {"a": [1, 2, 3]}
    apply(document, delta(described))
    assert document == {"a": [9, 8]}


def test_what_is_not_there_any_more_is_passed_over() -> None:
    document: Record = {"a": 5, "l": [1]}
    described = {
        "updatedFields": {"a.b": 1, "x.y": 2, "l.z": 3},
        "removedFields": ["a.c", "q.r", "l.7"],
        "truncatedArrays": [{"field": "a", "newSize": 0}],
    }
    apply(document, delta(described))
    assert document == {"a": 5, "l": [1]}


def test_a_name_of_digits_makes_no_list_of_a_billion() -> None:
    """Of an object whose place a list has taken by the time the document was copied."""
    document: Record = {"attributes": {"x": []}}
    described = {"updatedFields": {"attributes.x.1999999999": 1, "attributes.x.3": 2}}
    apply(document, delta(described))
    assert document == {"attributes": {"x": [None, None, None, 2]}}
