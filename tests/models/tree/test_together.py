"""Messages of several conversations, read together, are what each conversation's own reading gives."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import Database
from models.tree import Address, together
from models.tree import lineage as lineage_module
from tests.models.tree.test_sight import NOWHERE, World, grown


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_rows_of_any_trees_read_together_are_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(lineage_module, "FANOUT", data.draw(st.integers(2, 4)))
    monkeypatch.setattr(together, "SHORT", data.draw(st.sampled_from([5, 200])))
    worlds = [await grown(database, data) for _ in range(3)]
    wanted = [places(world, data) for world in worlds]
    sights = [world.sight if data.draw(st.booleans()) else None for world in worlds]
    asked = [(world.conversation, sight, at) for world, sight, at in zip(worlds, sights, wanted, strict=True)]
    apart = [await worlds[0].tree.history(of, sight).rows(at) for of, sight, at in asked]
    assert await worlds[0].tree.rows(asked) == apart


def places(world: World, data: st.DataObject) -> list[Address]:
    """Some that are there, or were, and one that never was."""
    there = list(world.wood.parents)
    return [*data.draw(st.lists(st.sampled_from(there), max_size=5)), NOWHERE] if there else [NOWHERE]
