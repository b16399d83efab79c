"""Branches listed in windows of time, compared, and copied."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from beanie import PydanticObjectId
from bson import ObjectId

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, CursorError, Draft, MessageTree, Sprout, Window
from models.tree import copying as copying_module
from models.tree import tree as tree_module
from models.tree.errors import BranchNotFoundError, TooLargeError
from models.tree.plant import plant
from tests.database_calls import database_calls
from tests.models.tree.conftest import started, unborn
from tests.models.tree.model import walk
from tests.models.tree.trees import line, nested, planted

ALICE = PydanticObjectId()


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def test_branches_are_listed_whole_however_far_apart_they_were_made(
    tree: MessageTree, database: Database
) -> None:
    conversation = await started(tree)
    ages = [timedelta(seconds=n % 7, minutes=n * n, days=n * (n > 30)) for n in range(60)]
    made = [PydanticObjectId(ObjectId.from_datetime(now() - timedelta(days=90) + age)) for age in ages]
    main = {"conversation_id": conversation.id, "branch": MAIN}
    first = await database.db.branches.find_one(main)
    assert first
    await database.db.branches.delete_one(main)
    ids = [PydanticObjectId(each.binary[:-1] + bytes([n])) for n, each in enumerate(made)]
    named = [MAIN, *(f"{n:016x}" for n in range(1, 60))]
    await database.db.branches.insert_many(
        [
            {**first, "_id": id_, "branch": name, "ordinal": n}
            for n, (id_, name) in enumerate(zip(ids, named, strict=True))
        ]
    )
    history = tree.history(conversation)
    for size in (1, 7, 100):
        listed: list[tuple[PydanticObjectId, str]] = []
        while some := await history.branches(listed[-1][0] if listed else None, size):
            listed += some
        assert [place for place, _ in listed] == sorted(ids)


async def test_a_page_of_branches_reads_little_of_many(tree: MessageTree) -> None:
    conversation = await planted(tree, nested(40))
    with database_calls() as calls:
        listed = await tree.history(conversation).branches(None, 20)
    assert len(listed) == 20
    assert len(calls) <= 3


@pytest.mark.parametrize("forks", [0, 1, 5, 150])
async def test_the_last_shared_message_is_that_of_the_paths(tree: MessageTree, forks: int) -> None:
    conversation = await planted(tree, [*nested(forks)])
    history = tree.history(conversation)
    names = [name for _, name in await history.branches(None, 1_000)][:: max(1, forks // 6)]
    paths = {name: [row.address for row in await walk(history, name, 100)] for name in names}
    for one in names:
        for other in names:
            shared = [a for a, b in zip(paths[one], paths[other], strict=False) if a == b]
            assert await history.last_shared(one, other) == (shared[-1] if shared else None)
    with pytest.raises(BranchNotFoundError):
        await history.last_shared(MAIN, "0" * 16)


async def test_comparing_long_paths_takes_few_calls(tree: MessageTree) -> None:
    conversation = await planted(tree, nested(300))
    history = tree.history(conversation)
    names = [name for _, name in await history.branches(None, 1_000)]
    with database_calls() as calls:
        await history.last_shared(names[-1], names[150])
    assert len(calls) <= 8


async def test_paths_without_a_common_message_share_none(tree: MessageTree) -> None:
    conversation = await planted(tree, line(3))
    other = await tree.append(conversation, None, Draft(MessageRole.USER, "another first", ALICE))
    assert await tree.history(await again(conversation)).last_shared(MAIN, other.address.branch) is None


async def test_a_copy_has_the_path_and_nothing_that_was_deleted(tree: MessageTree) -> None:
    source = await started(tree)
    place = None
    for number in range(6):
        noted = Metadata(llm_model="m") if number == 3 else None
        draft = Draft(MessageRole.USER, f"m{number}", ALICE, metadata=noted)
        place = (await tree.append(source, place, draft)).address
    await tree.delete(source, Address(MAIN, 2), ALICE)
    until = Address(MAIN, 4)
    for metadata in (True, False):
        target = unborn()
        assert await tree.copy(await again(source), MAIN, until, target, metadata=metadata)
        assert not await tree.copy(await again(source), MAIN, until, target, metadata=metadata)
        page = await tree.history(await again(target)).page(MAIN, Window(first=10))
        assert [row.message.get("content") for row in page.rows] == ["m0", "m1", None, "m3", "m4"]
        assert ("metadata" in page.rows[3].message) is metadata
        assert (await again(target)).message_count == 5
    with pytest.raises(CursorError):
        await tree.copy(await again(source), MAIN, until._replace(branch="0" * 16), unborn(), metadata=True)


async def test_what_is_too_large_is_not_copied(tree: MessageTree, monkeypatch: pytest.MonkeyPatch) -> None:
    source = await planted(tree, line(12))
    monkeypatch.setattr(copying_module, "MESSAGES", 10)
    with pytest.raises(TooLargeError):
        await tree.copy(source, MAIN, None, unborn(), metadata=True)
    assert await tree.copy(source, MAIN, Address(MAIN, 9), unborn(), metadata=True)
    monkeypatch.setattr(copying_module, "BYTES", 10)
    with pytest.raises(TooLargeError):
        await tree.copy(source, MAIN, Address(MAIN, 9), unborn(), metadata=True)


async def test_few_copies_are_in_memory_at_a_time(tree: MessageTree, monkeypatch: pytest.MonkeyPatch) -> None:
    source = await planted(tree, line(5))
    begun, ended = [0], [0]
    most = [0]

    async def watched(*args: Any, **kwargs: Any) -> list[Sprout]:
        begun[0] += 1
        most[0] = max(most[0], begun[0] - ended[0])
        return await copying_module.copied(*args, **kwargs)

    async def planting(*args: Any) -> bool:
        stored = await plant(*args)
        ended[0] += 1
        return stored

    monkeypatch.setattr(tree_module, "copied", watched)
    monkeypatch.setattr(tree_module, "plant", planting)
    await asyncio.gather(*(tree.copy(source, MAIN, None, unborn(), metadata=True) for _ in range(6)))
    assert (begun, ended, most) == ([6], [6], [tree_module.COPIES])
