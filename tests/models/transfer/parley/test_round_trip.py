"""What is exported and imported again is the same, whatever the trees."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.database import Database
from models.transfer.exporting_chatgpt import ChatGptWriting
from models.transfer.importing import import_file
from models.tree import MessageTree
from tests.models.transfer.parley.trees import ACTS, SMALL, Act, exported, grown, imported, of_owner, person, seen


@given(st.lists(st.lists(ACTS, max_size=24), min_size=1, max_size=3))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_importing_what_was_exported_gives_the_same(
    database: Database, tmp_path: Path, made: list[list[Act]]
) -> None:
    await empty(database)
    tree, owner, other = MessageTree(database.db, SMALL), person(1), person(2)
    for number, acts in enumerate(made):
        fields = {"title": f"{number} \u2028 ü", "tags": ["a", "b"], "attributes": {"x": {"y": [1, None]}}}
        await grown(tree, owner, acts, archived=number == 1, **fields)
    sources = await of_owner(owner)
    data = await exported(database, sources)
    check_what_is_said(data)
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


def check_what_is_said(data: bytes) -> None:
    """Of a tombstone no word, and no address that isn't in its conversation."""
    there: set[str] = set()
    sources: set[str] = set()
    branch, depth = "", 0
    for said in map(orjson.loads, data.splitlines()):
        match said["type"]:
            case "conversation":
                there, sources = set(), set()
            case "branch":
                branch = said["id"]
                depth = int(said["after"].partition(".")[2]) + 1 if "after" in said else 0
            case "message":
                there.add(f"{branch}.{depth}")
                depth += 1
                sources |= {said["editedFrom"]} if "editedFrom" in said else set()
                assert not ("deletedAt" in said and {"content", "metadata", "attachments", "status"} & said.keys())
            case "end":
                assert sources <= there


def words(view: dict[str, Any]) -> dict[Any, Any]:
    """What ChatGPT's format can say of a tree: from each message to its answers, in order."""
    tree: dict[Any, Any] = {}
    for path in view["paths"].values():
        here = tree
        for row in path:
            model = row.get("metadata", {}).get("llm_model")
            status = row.get("status") if "deleted_at" not in row else None
            said = (row["role"], row.get("content") or "", row["created_at"], model, status)
            here = here.setdefault((row["sibling"], said), {})
    return tree


@given(st.lists(ACTS, max_size=24))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_chatgpts_format_keeps_the_tree(database: Database, tmp_path: Path, acts: list[Act]) -> None:
    await empty(database)
    tree, owner, other = MessageTree(database.db, SMALL), person(1), person(2)
    spoken = [replace(act, role=MessageRole.TOOL) if act.role is MessageRole.SYSTEM else act for act in acts]
    source = await grown(tree, owner, spoken, title="a", archived=True)
    path = tmp_path / "conversations.json"
    await asyncio.to_thread(path.write_bytes, await exported(database, [source], ChatGptWriting()))
    report = await import_file(database.db, path, "chatgpt", other, SMALL)
    assert (report.imported, report.refusals) == (1, [])
    (copy,) = await of_owner(other)
    was, now = await seen(tree, source), await seen(tree, copy)
    assert words(now) == words(was)
    for name in ("title", "archived", "started_at"):
        assert now[name] == was[name]
    if was["chosen"] in was["paths"]:  # else it was removed, and each reader is led elsewhere
        tips = [[row.get("content") or "" for row in view["paths"][view["chosen"]]] for view in (was, now)]
        assert tips[0] == tips[1]


async def empty(database: Database) -> None:
    """Every example begins with nothing."""
    for collection in ("conversations", "branches", "buckets", "deletions"):
        await database.db[collection].delete_many({})
