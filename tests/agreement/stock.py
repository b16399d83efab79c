"""What the worlds' rules are about, as nasty as it is stored: accounts with roles, conversations, audit records."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from bson import ObjectId

from models.audit_list import AuditFilter, Found, list_records
from models.bucket import MessageRole, Metadata
from models.conversation import Conversation
from models.database import Database
from models.directory import list_users
from models.list_terms import stored_terms
from models.role import RoleAssignment
from models.search.indexer import Indexer
from models.share import FOREVER, Share, ShareAccess, grantees, role_grantee, user_grantee
from models.tree import Draft, MessageTree
from models.user import User
from permissions.engine.facts import Subject
from permissions.subjects import all_of_them
from resolvers.chat.events import announce_message, channel
from resolvers.live import Broker, Event
from tests.agreement.rules import MOMENTS, ROLES
from tests.permissions.hostile import KEYS, OWNERS, STORED
from tests.permissions.worlds import NOON

PEOPLE: Final = (*OWNERS, *(ObjectId(f"{n:024x}") for n in range(101, 104)))
CONVERSATIONS: Final = tuple(ObjectId(f"{n:024x}") for n in range(1_001, 1_013))
COMMON: Final[Sequence[Any]] = (1, True, "EMEA", "a", ["a"], ["EMEA", 1, None], None, *OWNERS)
"""What meets more often than the rest."""
HOURS: Final = (*[None] * 7, -48, -12, 0, 3, 24)
WINDOWS: Final = (*[None] * 6, "MO-FR 09:00-17:00 Europe/Berlin", "SA-SU 00:00-24:00 UTC", "MO 12:00-12:30 UTC")
ENDS: Final = (
    FOREVER,
    FOREVER,
    *(moment + timedelta(milliseconds=off) for moment in sorted({*MOMENTS}) for off in (-1, 0, 1)),
)
"""Of shares: the instants at which worlds are looked at, and those beside them."""
KINDS: Final = ("decision", "role.changed", "a", "A", "é", "", "$a", "a.b", "true")


@dataclass(frozen=True, slots=True)
class Stock:
    """All of it, as the models read it back, in the order of the lists."""

    people: Sequence[Subject]
    users: Sequence[User]
    conversations: Sequence[Conversation]
    records: Sequence[Found]
    cursors: Mapping[PydanticObjectId, str]
    """Of an event before the one that tells of each conversation's message."""


async def opened(tree: MessageTree, broker: Broker) -> Mapping[PydanticObjectId, str]:
    """Conversations with a message each, and the news of it."""
    cursors = {}
    for number, id_ in enumerate(CONVERSATIONS):
        at = NOON + timedelta(seconds=number // 3)
        stored = Conversation(id=id_, owner_id=OWNERS[0], started_at=at, updated_at=at, slot_width=50)
        await tree.start(stored)
        draft = Draft(MessageRole.ASSISTANT, "hello", metadata=Metadata(llm_model="m"))
        address = (await tree.append_at_end(stored, "main", draft)).address
        async with broker.subscribe(channel(stored.id)) as news:
            await broker.publish(channel(stored.id), b"{}")
            before = await anext(news)
        assert isinstance(before, Event)
        cursors[stored.id] = before.cursor
        await announce_message(broker, stored, address, again=False)
    return cursors


async def stock(database: Database, seed: int, cursors: Mapping[PydanticObjectId, str]) -> Stock:
    """Other attributes, owners, roles and records than before; always the same ones for that seed."""
    chance = random.Random(-1 - seed)
    await _people(chance)
    await _conversations(chance)
    await _records(database, chance)
    await _index(database)
    stored = await Conversation.find_all().to_list()
    return Stock(
        [subject async for subject in all_of_them(None, 0)],
        await list_users(None, 1_000, ({},)),
        sorted(stored, key=lambda each: (each.updated_at, each.id), reverse=True),
        await list_records(database.db, ({},), AuditFilter({}), None, 1_000),
        cursors,
    )


def _attributes(chance: random.Random) -> dict[str, Any]:
    return {
        key: chance.choice(STORED if chance.random() < 0.5 else COMMON)
        for key in KEYS
        if chance.random() < (0.7 if key in "ab" else 0.3)
    }


async def _people(chance: random.Random) -> None:
    await User.get_pymongo_collection().delete_many({"_id": {"$nin": list(PEOPLE)}})
    for number, id_ in enumerate(PEOPLE):
        name = f"p{number}@example.org"
        user = User(
            id=PydanticObjectId(id_),
            email=name,
            email_key=name,
            display_name=name,
            name_key=name,
            password_hash="",
            attributes=_attributes(chance),
            created_at=NOON,
        )
        await user.save()
    await RoleAssignment.get_pymongo_collection().delete_many({"user_id": {"$in": list(PEOPLE)}})
    await RoleAssignment.insert_many(
        [_assignment(chance, id_) for id_ in PEOPLE for _ in range(chance.randrange(1, 4))]
    )


def _assignment(chance: random.Random, user_id: Any) -> RoleAssignment:
    def moment() -> Any:
        hours = chance.choice(HOURS)
        return None if hours is None else NOON + timedelta(hours=hours)

    return RoleAssignment(
        user_id=user_id,
        role=chance.choice([*ROLES, "ghost"]),
        valid_from=moment(),
        valid_until=moment(),
        window=chance.choice(WINDOWS),
        granted_at=NOON,
        ended_at=moment() if chance.random() < 0.1 else None,
    )


async def _conversations(chance: random.Random) -> None:
    conversations = Conversation.get_pymongo_collection()
    for number, id_ in enumerate(CONVERSATIONS):
        shares = _shares(chance)
        fields = {
            "shares": [share.model_dump() for share in shares],
            "grantees": grantees(shares),
            "owner_id": chance.choice(OWNERS),
            "attributes": _attributes(chance),
            "updated_at": NOON + timedelta(seconds=number // 3),
        }
        await conversations.update_one({"_id": id_}, {"$set": fields | stored_terms(id_, fields)})


def _shares(chance: random.Random) -> list[Share]:
    """With people, roles and nobody; over, or about to be, at a world's very instant. The branch is all there is."""
    with_whom = [*map(user_grantee, (*PEOPLE, ObjectId())), *map(role_grantee, (*ROLES, "ghost"))]
    return [
        Share(
            grantee=chance.choice(with_whom),
            access=chance.choice([*ShareAccess]),
            branch=chance.choice([None, None, "main"]),
            until=chance.choice(ENDS),
            by=PydanticObjectId(OWNERS[0]),
            at=NOON,
        )
        for _ in range(chance.choice((0, 0, 1, 2, 3, 6)))
    ]


async def _index(database: Database) -> None:
    """Anew: who owns a conversation never changes but here."""
    for name in ("search_manifest", "search_segments", "search_pages"):
        await database.db[name].delete_many({})
    await database.db.buckets.update_many({}, {"$set": {"unindexed": True}, "$unset": {"indexed_to": ""}})
    await Indexer(database.db).take()


async def _records(database: Database, chance: random.Random) -> None:
    blocks = [
        {"_id": number, "at": NOON + timedelta(minutes=number * 7), "records": [_record(chance, n) for n in range(4)]}
        for number in range(1, 4)
    ]
    await database.db.audit_blocks.delete_many({})
    await database.db.audit_blocks.insert_many(blocks)


def _record(chance: random.Random, n: int) -> dict[str, Any]:
    texts = {"action": KINDS, "resource_type": KINDS, "effect": ("allow", "deny")}
    present = {name: chance.choice(values) for name, values in texts.items() if chance.random() < 0.6}
    return {"n": n, "at": NOON, "kind": chance.choice(KINDS), **present}
