"""Of whom everything is erased, nothing stays that was on its way in."""

import pytest
from beanie import PydanticObjectId

from models.attachments.chunks import CHUNK
from models.attachments.collecting import forget
from models.attachments.errors import UploadLostError
from models.attachments.store import AttachmentLimits, Attachments
from models.database import Database


async def interrupted(attachments: Attachments, owner_id: PydanticObjectId, database: Database) -> None:
    async with attachments.upload(owner_id, None) as upload:
        await upload.write(b"a" * CHUNK)
        await forget(database.db, owner_id)
        await upload.write(b"a" * CHUNK)
        await attachments.finish(owner_id, upload, "file.txt")


async def test_an_upload_whose_file_was_given_up_meanwhile_leaves_no_piece(database: Database) -> None:
    attachments, alice = Attachments(database.db, AttachmentLimits()), PydanticObjectId()
    with pytest.raises(UploadLostError):
        await interrupted(attachments, alice, database)
    assert await database.db["attachments.files"].count_documents({}) == 0
    assert await database.db["attachments.chunks"].count_documents({}) == 0
