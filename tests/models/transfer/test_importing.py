"""Imports end to end, into the real store."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.transfer.demo import DEMO_TREES
from models.transfer.errors import HaltedError, UnreadableFileError
from models.transfer.importing import REFUSALS_KEPT, Format, Progress, Report, import_file
from models.transfer.transcript import Terms, Transcript
from models.tree.draft import TreeLimits
from models.user import User
from tests.models.transfer.exports import EPOCH, conversation, link, node


@pytest.fixture
def owner(database: Database) -> User:
    """Who imports. Made, not stored: an import asks for the id only."""
    return User(
        id=PydanticObjectId("65a000000000000000000001"), email="a@b.example", email_key="a@b.example",
        display_name="A", name_key="a", password_hash="-", created_at=now(),
    )  # fmt: skip


async def _import(database: Database, path: Path, owner: User, format_name: str = "chatgpt") -> Report:
    return await import_file(database.db, path, format_name, owner, TreeLimits())


def _written(path: Path, *conversations: Any) -> Path:
    path.write_text(json.dumps(conversations))
    return path


async def test_the_hundred_trees_arrive_whole_and_again_change_nothing(database: Database, owner: User) -> None:
    seen: list[int] = []

    def progress(step: Progress) -> None:
        seen.append(step.read)

    report = await import_file(database.db, DEMO_TREES, "oasst", owner, TreeLimits(), progress)
    assert (report.imported, report.messages, report.unchanged, report.refused) == (100, 1167, 0, 0)
    assert seen == sorted(seen)
    assert seen[-1] == DEMO_TREES.stat().st_size
    stored = [found async for found in database.db.conversations.find({})]
    assert sum(found["message_count"] for found in stored) == 1167
    assert sum(found["branch_count"] for found in stored) == 100 + 526
    before = await _dump(database)
    again = await _import(database, DEMO_TREES, owner, "oasst")
    assert (again.imported, again.unchanged, again.refused) == (0, 100, 0)
    assert await _dump(database) == before


async def test_a_chatgpt_export_keeps_branches_choice_times_and_models(
    database: Database, owner: User, tmp_path: Path
) -> None:
    answer: dict[str, Any] = {"author": {"role": "assistant"}, "metadata": {"model_slug": "gpt-4o"}}
    made = conversation(
        link("r", None, ["a"]),
        node("a", "r", ["b", "c"]),
        node("b", "a", **answer),
        node("c", "a", **answer, status="in_progress", create_time=None),
        current_node="c",
    )
    report = await _import(database, _written(tmp_path / "conversations.json", made), owner)
    assert (report.imported, report.messages, report.refusals) == (1, 3, [])
    found = await Conversation.find_one({})
    assert found
    assert (found.owner_id, found.title, found.source) == (owner.id, "A talk", "chatgpt:c-1")
    assert (found.started_at.timestamp(), found.updated_at.timestamp()) == (EPOCH, EPOCH + 100)
    assert found.chosen_branch != "main"
    messages = {
        (bucket["branch"], message["depth"]): message
        async for bucket in database.db.buckets.find({})
        for message in bucket["messages"]
    }
    asked, answered, chosen = messages["main", 0], messages["main", 1], messages[found.chosen_branch, 1]
    assert (asked["author_id"], asked["created_at"].timestamp()) == (owner.id, EPOCH + 1.5)
    assert (answered["content"], answered["metadata"]["llm_model"]) == ("b", "gpt-4o")
    assert "author_id" not in answered
    assert (chosen["content"], chosen["status"]) == ("c", MessageStatus.INTERRUPTED)
    assert chosen["created_at"] == asked["created_at"]


async def test_what_a_crash_left_half_done_is_completed(database: Database, owner: User, tmp_path: Path) -> None:
    path = _written(tmp_path / "f.json", conversation(node("a", None, ["b"]), node("b", "a")))
    await _import(database, path, owner)
    whole = await _dump(database)
    await database.db.conversations.delete_many({})  # its document comes last: so a crash leaves it
    report = await _import(database, path, owner)
    assert (report.imported, report.unchanged) == (1, 0)
    assert await _dump(database) == whole


async def test_two_owners_may_import_the_same_file(database: Database, owner: User, tmp_path: Path) -> None:
    path = _written(tmp_path / "f.json", conversation(node("a", None)))
    other = owner.model_copy(update={"id": PydanticObjectId()})
    assert (await _import(database, path, owner)).imported == 1
    assert (await _import(database, path, other)).imported == 1


async def test_a_conversation_that_comes_twice_is_reported(database: Database, owner: User, tmp_path: Path) -> None:
    made = conversation(node("a", None))
    report = await _import(database, _written(tmp_path / "f.json", made, made), owner)
    assert (report.imported, report.unchanged, report.refused) == (1, 0, 1)
    assert str(report.refusals[0]) == "conversation c-1: it comes twice in the file; the first one stands"


async def test_a_report_counts_every_refusal_and_holds_the_first(
    database: Database, owner: User, tmp_path: Path
) -> None:
    bad = [{"id": str(number)} for number in range(REFUSALS_KEPT + 5)]
    report = await _import(database, _written(tmp_path / "f.json", *bad, conversation(node("a", None))), owner)
    assert (report.imported, report.refused, len(report.refusals)) == (1, REFUSALS_KEPT + 5, REFUSALS_KEPT)


async def test_a_zip_that_is_damaged_in_the_middle_gives_what_comes_before(
    database: Database, owner: User, tmp_path: Path
) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations-000.json", json.dumps([conversation(node("a", None))]))
        archive.writestr("conversations-001.json", json.dumps([conversation(node("b", None))]))
    path.write_bytes(path.read_bytes().replace(b'["b"]', b'["x"]'))
    report = await _import(database, path, owner)
    assert (report.imported, report.refused) == (1, 1)
    assert "can't be read to its end" in str(report.refusals[0])


async def test_nothing_is_stored_of_a_file_that_is_no_export(database: Database, owner: User, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text("hello")
    with pytest.raises(UnreadableFileError):
        await _import(database, path, owner)
    assert await database.db.conversations.count_documents({}) == 0


async def test_nothing_reads_on_when_whoever_waited_is_gone(
    database: Database, owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endless"
    with path.open("wb") as file:
        file.truncate(1 << 38)  # sparse
    ends: list[type[Exception]] = []

    def read(_: str, chunks: Iterator[bytes], __: Terms) -> Iterator[Transcript]:
        try:
            for chunk in chunks:
                assert chunk
        except Exception as error:
            ends.append(type(error))
            raise
        yield from ()

    def progress(_: Progress) -> None:
        raise ConnectionError

    monkeypatch.setattr("models.transfer.importing.FORMATS", {"chatgpt": Format(read)})
    monkeypatch.setattr("models.transfer.importing.TICK_SECONDS", 0.01)
    with pytest.raises(ConnectionError):
        await import_file(database.db, path, "chatgpt", owner, TreeLimits(), progress)
    assert ends == [HaltedError]


async def _dump(database: Database) -> dict[str, list[Any]]:
    """Everything stored, but for the ids that chance gives to buckets and branches."""
    return {
        name: sorted(
            [
                repr({key: value for key, value in sorted(found.items()) if key != "_id"})
                async for found in database.db[name].find({})
            ]
        )
        for name in ("conversations", "buckets", "branches")
    }
