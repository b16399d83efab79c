"""What is exported and imported again is the same, whatever the trees."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import Database
from models.tree import MessageTree
from tests.models.transfer.parley.trees import ACTS, SMALL, Act, exported, grown, imported, of_owner, person, seen


@given(st.lists(st.lists(ACTS, max_size=30), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.asyncio
async def test_importing_what_was_exported_gives_the_same(
    database: Database, tmp_path: Path, made: list[list[Act]]
) -> None:
    for collection in ("conversations", "branches", "buckets", "deletions"):
        await database.db[collection].delete_many({})
    tree, owner, other = MessageTree(database.db, SMALL), person(1), person(2)
    for number, acts in enumerate(made):
        fields = {"title": f"{number} \u2028 ü", "tags": ["a", "b"], "attributes": {"x": {"y": [1, None]}}}
        await grown(tree, owner, acts, archived=number == 1, **fields)
    sources = await of_owner(owner)
    data = await exported(database, sources)
    report = await imported(database, data, other, tmp_path / "x")
    assert report.refusals == []
    copies = await of_owner(other)
    assert [await seen(tree, each) for each in copies] == [
        await seen(tree, each) | {"updated_at": each.updated_at} for each in sources
    ]
    once_more = await imported(database, data, other, tmp_path / "x")
    assert (once_more.imported, once_more.unchanged) == (0, len(sources))
    third = person(3)
    assert (await imported(database, await exported(database, copies), third, tmp_path / "x")).imported == len(sources)
    assert [await seen(tree, each) for each in await of_owner(third)] == [await seen(tree, each) for each in copies]
