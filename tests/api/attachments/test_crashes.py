"""A worker that dies between any two writes leaves no file in two messages, and no message without its file."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.attachments.collecting import Collector
from models.attachments.files import Files, FileState
from models.attachments.store import AttachmentLimits, Attachments, claim_for
from models.attachments.watcher import AttachmentWatcher
from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import Address, Draft, MessageTree, TreeLimits
from tests.models.tree.conftest import unborn
from tests.models.tree.faults import Crash, Faulty, Send

OWNER = PydanticObjectId()
KEYED = Draft(MessageRole.USER, "see", author_id=OWNER, idempotency_key="k")


class Dead(Faulty):
    """The worker dies once write number `at` is stored: it can't even clean up."""

    async def write(self, send: Send) -> Any:
        self.writes += 1
        if self.writes <= self._at or not self._at:
            answer = await send()
            if self.writes != self._at:
                return answer
        raise Crash


class Scene:
    """A conversation, and a file that waits for its first message."""

    def __init__(self, database: Database, conversation: Conversation) -> None:
        self.db = database.db
        self.conversation = conversation
        self.file_id = PydanticObjectId()

    async def upload(self, db: Any) -> None:
        attachments = Attachments(db, AttachmentLimits())
        async with attachments.upload(OWNER, 100) as upload:
            self.file_id = upload.file_id
            await upload.write(b"text")
            await attachments.finish(OWNER, upload, "a.txt")

    async def append(self, db: Any, draft: Draft) -> Address:
        """As the resolver does."""
        attachments, tree = Attachments(db, AttachmentLimits()), MessageTree(db, TreeLimits())
        claim = claim_for(self.conversation.id, OWNER, None, draft, [self.file_id])
        files = await attachments.claim(claim)
        appended = await tree.append_at_end(self.conversation, "main", replace(draft, attachments=tuple(files)))
        await attachments.attach(claim, appended.address)
        return appended.address

    async def file(self) -> dict[str, Any] | None:
        return await Files(self.db).find(self.file_id)

    async def settle(self) -> None:
        await Collector(self.db).run(now() - timedelta(days=1), claims_before=now() + timedelta(seconds=1))

    async def holders(self) -> list[Address]:
        found = self.db.buckets.find({"conversation_id": self.conversation.id})
        return [
            Address(bucket["branch"], message["depth"])
            async for bucket in found
            for message in bucket["messages"]
            if any(each["id"] == self.file_id for each in message.get("attachments", ()))
        ]


@pytest.fixture
async def scene(database: Database) -> Scene:
    conversation = unborn(4)
    await MessageTree(database.db, TreeLimits()).start(conversation)
    return Scene(database, conversation)


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_crash_while_attaching_is_settled(scene: Scene, at: int, keyed: bool) -> None:
    draft = KEYED if keyed else replace(KEYED, idempotency_key=None)
    await scene.upload(scene.db)
    try:
        await scene.append(cast(Any, Dead(scene.db, at)), draft)
    except Crash:
        if keyed:  # the client tries again at once
            await scene.append(scene.db, draft)
    await scene.settle()
    file, holders = await scene.file(), await scene.holders()
    assert file
    if holders:
        assert (file["state"], file["branch"], file["depth"]) == (FileState.ATTACHED, *_parts(*holders))
    else:
        assert (file["state"], keyed) == (FileState.WAITING, False)
        await scene.append(scene.db, draft)
        assert len(await scene.holders()) == 1


def _parts(address: Address) -> tuple[str, int]:
    return address.branch, address.depth


@pytest.mark.parametrize("at", range(4))
async def test_a_crash_while_uploading_is_collected(scene: Scene, at: int) -> None:
    try:
        await scene.upload(cast(Any, Dead(scene.db, at)))
    except Crash:
        scene.file_id = PydanticObjectId()
    await Collector(scene.db).run(now() + timedelta(seconds=1))
    assert await scene.db["attachments.files"].find({}).to_list() == []
    assert await scene.db["attachments.chunks"].find({}).to_list() == []


@pytest.mark.parametrize("at", range(1, 5))
async def test_a_crash_while_purging_is_made_up_for(scene: Scene, at: int) -> None:
    await scene.upload(scene.db)
    address = await scene.append(scene.db, KEYED)
    tree = MessageTree(scene.db, TreeLimits())
    await tree.delete(scene.conversation, address, OWNER)
    mortal = cast(Any, Dead(scene.db, at))
    try:
        await MessageTree(mortal, TreeLimits(), AttachmentWatcher(mortal)).purge(now() + timedelta(seconds=1))
    except Crash:
        await MessageTree(scene.db, TreeLimits(), AttachmentWatcher(scene.db)).purge(now() + timedelta(seconds=1))
    assert await scene.file() is None
    assert await scene.db["attachments.chunks"].find({}).to_list() == []


async def test_what_was_restored_before_the_purge_keeps_its_file(scene: Scene) -> None:
    await scene.upload(scene.db)
    address = await scene.append(scene.db, KEYED)
    await AttachmentWatcher(scene.db).purged(scene.conversation.id, [address])
    assert await scene.file()
