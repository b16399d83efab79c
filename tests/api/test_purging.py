"""What is done every few minutes, by one worker at a time."""

from api.purging import find_again
from models.lease import lease
from resolvers.ids import object_id
from tests.resolvers.chat.documents import LIST, nodes, start
from tests.served import Served


async def test_what_a_worker_of_a_release_without_terms_started_is_listed_before_long(served: Served) -> None:
    """It starts conversations after the migration too, as long as it runs."""
    alice = await served.as_("alice")
    conversation, db = await start(alice), served.services.database.db
    stored = {"_id": object_id(conversation, "Conversation")}
    await db.conversations.update_one(stored, {"$unset": {"terms": "", "title_terms": ""}})
    assert nodes((await alice.ask(LIST)).data["conversations"]) == []
    async with lease(db, "lists") as held:
        assert held
        await find_again(db)  # another worker is at it
    assert nodes((await alice.ask(LIST)).data["conversations"]) == []
    await find_again(db)
    assert [node["id"] for node in nodes((await alice.ask(LIST)).data["conversations"])] == [conversation]
    await find_again(db)
