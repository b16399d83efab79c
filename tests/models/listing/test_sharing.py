"""Who was shared with finds it in lists, and no longer finds it, from the very write on."""

import random

from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.list_terms import stored_terms
from models.share import Share, ShareAccess
from models.sharing import forget, give, take
from tests.models.listing.plain import conversation


async def test_terms_follow_shares(database: Database) -> None:
    chat = conversation(random.Random(5)).model_copy(update={"deleted": False, "grantees": [], "tags": ["a"]})
    await chat.insert()

    async def right(*grantees: str) -> None:
        record = await Conversation.get_pymongo_collection().find_one({"_id": chat.id})
        assert record
        assert sorted(record["grantees"]) == sorted(grantees)
        assert sorted(record["terms"]) == sorted(stored_terms(chat.id, record)["terms"])

    def share(grantee: str) -> Share:
        return Share(grantee=grantee, access=ShareAccess.READ, by=PydanticObjectId(), at=now())

    await give(database.db, chat.id, share("role:a"))
    await right("role:a")
    await give(database.db, chat.id, share("role:b"))
    await chat.change({"tags": ["b"]})
    await right("role:a", "role:b")
    await take(database.db, chat.id, "role:a")
    await right("role:b")
    await forget(database.db, "role:b")
    await right()
