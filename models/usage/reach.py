"""Whose messages are counted: the conversations that somebody may read, and how much of each."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.list_terms import EVERY, SAMPLE, at_level, attribute_term
from models.usage.errors import TooMuchUsageError
from models.usage.question import UsageFilter

MOST_CONVERSATIONS: Final = 100_000
"""To one question: some 300 bytes each are held in memory."""
LOOKED_UP: Final = 1_000
"""Conversations to a call."""
MOST_PARTLY_SEEN: Final = 500
"""Of them those of which the caller sees some branches only: each is asked for by itself."""
REGION: Final = "attributes.region"
INDEXED: Final = ("owner_id", "grantees", REGION)
"""Fields of conversations that have an index with `deleted` after them."""
_FIELDS: Final = {"owner_id": 1, "tags": 1, "removed.at": 1, "shares.branch": 1}

Stops: TypeAlias = Mapping[str, int]
"""Depths at which branches end for a reader, by name; he sees no others."""


@dataclass(frozen=True, slots=True)
class Part:
    """What somebody sees of a conversation of which only branches are shared with him."""

    stops: Stops | None
    metadata: bool


@dataclass(slots=True)
class Seen:
    """A conversation that counts. `stops`: None where all branches are seen to their ends."""

    id: ObjectId
    owner_id: ObjectId
    tags: Sequence[str]
    metadata: bool
    removed: Sequence[str]
    stops: Stops | None = None


@dataclass(frozen=True, slots=True)
class UsageReach:
    """What a caller may read, as filters on conversations: each sequence holds alternatives, an empty one is nothing.

    Where a conversation matches none of `metadata`, its messages count, and nothing that their metadata says. `part`
    tells how much is seen of one that has shares of branches; None is all.
    """

    conversations: Sequence[Mapping[str, Any]]
    """Each with the fields that equal something in all that it selects."""
    equalities: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    metadata: Sequence[Mapping[str, Any]]
    part: Callable[[Conversation], Awaitable[Part | None]] | None = None

    def __bool__(self) -> bool:
        return bool(self.conversations and self.messages)

    @property
    def is_everything(self) -> bool:
        """Whether no conversation is out of it."""
        return any(not where for where in self.conversations)

    def owners(self, wanted: UsageFilter) -> frozenset[ObjectId]:
        """Those that its alternatives name."""
        return frozenset(filter(None, (_owner(equal, wanted) for equal in self.equalities)))


@dataclass(frozen=True, slots=True)
class Recent:
    """Conversations found by when something was written in them: of what these `owners` have, no others count.

    Where `owners` is None, no others count at all.
    """

    owners: frozenset[ObjectId] | None
    ids: Collection[ObjectId]

    def has(self, owner_id: ObjectId) -> bool:
        """Whether what counts of this owner is among them."""
        return self.owners is None or owner_id in self.owners


async def seen(
    db: AsyncDatabase[Record], reach: UsageReach, wanted: UsageFilter, recent: Recent | None = None
) -> list[Seen]:
    """The conversations that count: those of the owners in `recent` are looked up, others listed.

    Raises `TooMuchUsageError`.
    """
    if not reach or (wanted.llm_model is not None and not reach.metadata):
        return []
    starts = list(_starts(reach, wanted, recent))
    found = await _found(db, reach, starts, [wanted.conversations()], _FIELDS)
    if list(reach.metadata) == list(reach.messages):
        with_metadata = set(found)
    else:
        narrower = [{"$or": [dict(each) for each in reach.metadata]}] if reach.metadata else [{"_id": None}]
        with_metadata = set(await _found(db, reach, starts, [wanted.conversations(), *narrower], {"_id": 1}))
    counted = [_seen(record, with_metadata) for record in found.values()]
    if reach.part is not None:
        shared = [id_ for id_, record in found.items() if any(each.get("branch") for each in record.get("shares", ()))]
        counted = await _partly(db, counted, shared, reach.part)
    return [each for each in counted if wanted.llm_model is None or each.metadata]


def _starts(reach: UsageReach, wanted: UsageFilter, recent: Recent | None) -> Iterator[tuple[Record, Sequence[Record]]]:
    """What an index answers, and the conditions that what it finds must meet, for each way to some of them."""
    allowed = {"$or": [dict(each) for each in reach.conversations]}
    if recent and recent.owners is None:
        yield from _looked_up(recent, [allowed])
        return
    owners = list(recent.owners or ()) if recent else []
    others: list[Record] = [{"owner_id": {"$nin": owners}}] if recent else []
    for where, equal in zip(reach.conversations, reach.equalities, strict=True):
        if _owner(equal, wanted) not in owners:
            yield _indexable(equal, wanted), [dict(where), *others]
    if recent:
        yield from _looked_up(recent, [{"owner_id": {"$in": owners}}, allowed])


def _looked_up(recent: Recent, where: Sequence[Record]) -> Iterator[tuple[Record, Sequence[Record]]]:
    ids = list(recent.ids)
    for start in range(0, len(ids), LOOKED_UP):
        yield {"_id": {"$in": ids[start : start + LOOKED_UP]}}, where


async def _require_few(db: AsyncDatabase[Record], indexable: Record) -> None:
    """Raise `TooMuchUsageError` where far more conversations are to be listed than may be counted.

    One in 1,024 stands on level 2 of lists' terms: so many are looked at, and not all.
    """
    term = EVERY if indexable.keys() <= {"deleted"} else attribute_term("region", indexable.get(REGION))
    if term is None:
        return  # of one owner, or what is shared with somebody
    most = 2 * MOST_CONVERSATIONS // SAMPLE**2
    sample = db.conversations.find({"terms": at_level(2, term), "deleted": False}, {"_id": 1}, batch_size=most + 1)
    if len(await sample.limit(most + 1).to_list()) > most:
        raise TooMuchUsageError("conversations", MOST_CONVERSATIONS)


async def _found(
    db: AsyncDatabase[Record],
    reach: UsageReach,
    starts: Sequence[tuple[Record, Sequence[Record]]],
    more: Sequence[Record],
    fields: Record,
) -> dict[ObjectId, Record]:
    found: dict[ObjectId, Record] = {}
    for indexable, where in starts:
        await _require_few(db, indexable)
        stages = _stages(reach, indexable, [*where, *more], fields)
        async for record in await db.conversations.aggregate(stages, batchSize=5_000):
            found[record["_id"]] = record
        if len(found) > MOST_CONVERSATIONS:
            raise TooMuchUsageError("conversations", MOST_CONVERSATIONS)
    return found


def _stages(reach: UsageReach, indexable: Record, where: Sequence[Record], fields: Record) -> list[Record]:
    """First what an index answers, then the rest: the embedded server uses none that doesn't answer all of a match."""
    messages = {"$or": [dict(each) for each in reach.messages]}
    return [
        {"$match": indexable},
        {"$match": {"$and": [{"deleted": False}, messages, *where]}},
        {"$project": fields},
        {"$limit": MOST_CONVERSATIONS + 1},
    ]


def _owner(equal: Mapping[str, Any], wanted: UsageFilter) -> ObjectId | None:
    """Whose conversations an alternative selects, if it names him."""
    owner = wanted.owner_id or equal.get("owner_id")
    return owner if isinstance(owner, ObjectId) else None


def _indexable(equal: Mapping[str, Any], wanted: UsageFilter) -> Record:
    if wanted.conversation_id is not None:
        return {"_id": wanted.conversation_id}
    known = dict(equal) | ({"owner_id": wanted.owner_id} if wanted.owner_id is not None else {})
    first = [name for name in INDEXED if name in known][:1]
    return {name: known[name] for name in first} | {"deleted": False}


def _seen(record: Record, with_metadata: set[ObjectId]) -> Seen:
    removed = [each["at"] for each in record.get("removed", ())]
    tags = list(dict.fromkeys(record.get("tags", ())))
    return Seen(record["_id"], record["owner_id"], tags, record["_id"] in with_metadata, removed)


async def _partly(
    db: AsyncDatabase[Record],
    counted: Sequence[Seen],
    shared: Sequence[ObjectId],
    part: Callable[[Conversation], Awaitable[Part | None]],
) -> list[Seen]:
    """The same, narrowed to what is seen of those in `shared`; one that is gone by now counts no more."""
    if len(shared) > MOST_PARTLY_SEEN:
        raise TooMuchUsageError("conversations with shared branches", MOST_PARTLY_SEEN)
    parts: dict[ObjectId, Part | None] = {}
    if shared:
        async for record in db.conversations.find({"_id": {"$in": list(shared)}}):
            conversation = Conversation.model_validate(record)
            parts[PydanticObjectId(record["_id"])] = await part(conversation)
    waiting = set(shared)
    kept: list[Seen] = []
    for each in counted:
        if each.id in parts and (narrower := parts[each.id]) is not None:
            each.stops, each.metadata = narrower.stops, each.metadata and narrower.metadata
        if each.id in parts or each.id not in waiting:
            kept.append(each)
    return kept
