"""Reading conversations by id, for several requests in one call."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Final

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.database import Record
from models.shared_reads import SharedReads

HIDDEN: Final = {"terms": 0, "title_terms": 0}
"""What is never shown of a conversation."""


def conversation_reads() -> SharedReads[PydanticObjectId, Record]:
    """As stored, without the terms that lists find them by."""
    return SharedReads(_stored)


def read(record: Record) -> Conversation:
    """A conversation of one's own from what others have read as well.

    Past Beanie's queries, which take twice as long; it is checked as they check it.
    """
    made: Conversation = Conversation.model_validate({**record, "attributes": deepcopy(record.get("attributes", {}))})
    return made


async def _stored(ids: Collection[PydanticObjectId]) -> Mapping[PydanticObjectId, Record]:
    wanted = next(iter(ids)) if len(ids) == 1 else {"$in": list(ids)}
    records = Conversation.get_pymongo_collection().find({"_id": wanted}, HIDDEN, batch_size=len(ids) + 1)
    return {record["_id"]: record for record in await records.to_list()}
