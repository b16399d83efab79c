"""Conversations that several requests read in one call: each has a copy of his own."""

from typing import Any

from beanie import PydanticObjectId

from models.clock import now
from models.conversation_reads import read
from models.database import Database


async def test_what_is_done_to_a_conversation_is_done_to_nobody_elses(database: Database) -> None:
    assert database.db.name  # documents are bound
    record: dict[str, Any] = {
        "_id": PydanticObjectId(),
        "owner_id": PydanticObjectId(),
        "attributes": {"region": "EMEA", "teams": ["red"]},
        "tags": ["a"],
        "shares": [{"grantee": "user:1", "access": "read", "until": now(), "by": PydanticObjectId(), "at": now()}],
        "started_at": now(),
        "updated_at": now(),
        "slot_width": 50,
    }
    mine, yours = read(record), read(record)
    mine.attributes["region"] = "APAC"
    mine.attributes["teams"].append("blue")
    mine.tags.append("b")
    mine.shares.clear()
    mine.title = "mine"
    assert yours.attributes == {"region": "EMEA", "teams": ["red"]}
    assert (yours.tags, len(yours.shares), yours.title) == (["a"], 1, None)
