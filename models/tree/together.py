"""Messages of several conversations, in one call for all short ones: a call each was most of a search's time."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.address import Address, slot
from models.tree.buckets import BATCH, NAIVE, by_address
from models.tree.history import History
from models.tree.page import Row
from models.tree.turns import Turns

SHORT: Final = 200
"""Messages of a conversation that is read with others. MongoDB reads the wanted buckets only; the embedded server,
which scans the collection for two `$in`s, is given the conversations alone, and looks at all their buckets."""

Messages = dict[Address, Record]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Some messages of a conversation."""

    conversation: Conversation
    history: History
    addresses: Collection[Address]

    @property
    def id(self) -> PydanticObjectId:
        """Of the conversation."""
        return self.conversation.id

    @property
    def short(self) -> bool:
        """Whether all its buckets may be looked at. What is removed isn't counted, and is stored for a while."""
        return self.conversation.message_count <= SHORT and not self.conversation.removed


async def rows(db: AsyncDatabase[Record], turns: Turns, wanted: Sequence[Wanted]) -> list[dict[Address, Row]]:
    """What `History.rows` gives for each."""
    short = [each for each in wanted if each.short]
    read: dict[PydanticObjectId, Messages] = {}
    if len(short) > 1:
        async with turns:
            read = await _messages(db, short)
    made = [each.history.rows_of(each.addresses, read[each.id]) if each.id in read else None for each in wanted]
    others = (each for each, there in zip(wanted, made, strict=True) if there is None)
    rest = iter(await asyncio.gather(*(each.history.rows(each.addresses, read.get(each.id)) for each in others)))
    return [next(rest) if there is None else there for there in made]


async def _messages(db: AsyncDatabase[Record], wanted: Sequence[Wanted]) -> dict[PydanticObjectId, Messages]:
    """The messages that rows are made of, by conversation."""
    around = {each.id: _around(each.addresses) for each in wanted}
    widths = {each.id: each.conversation.slot_width for each in wanted}
    slots = {slot(a.branch, a.depth, widths[id_]) for id_, addresses in around.items() for a in addresses}
    stages: list[Record] = [
        {"$match": {"conversation_id": {"$in": list(around)}}},
        {"$match": {"slot": {"$in": list(slots)}}},  # MongoDB makes one of both
        {"$project": {"conversation_id": 1, "branch": 1, "messages": _at_depths(around)}},
    ]
    found: dict[PydanticObjectId, Messages] = {id_: {} for id_ in around}
    buckets = db.get_collection("buckets", codec_options=NAIVE)
    for bucket in await (await buckets.aggregate(stages, batchSize=BATCH)).to_list():
        found[bucket["conversation_id"]] |= by_address(bucket)
    return found


def _around(addresses: Iterable[Address]) -> set[Address]:
    """With what comes before each on its branch."""
    return {*addresses, *(Address(each.branch, each.depth - 1) for each in addresses if each.depth)}


def _at_depths(around: Mapping[PydanticObjectId, Collection[Address]]) -> dict[str, Any]:
    """Of a bucket's messages those at the depths that are wanted of its conversation."""
    depths = [sorted({address.depth for address in addresses}) for addresses in around.values()]
    mine = {"$arrayElemAt": [depths, {"$indexOfArray": [list(around), "$conversation_id"]}]}
    kept = {"$filter": {"input": "$messages", "as": "m", "cond": {"$in": ["$$m.depth", "$$depths"]}}}
    return {"$let": {"vars": {"depths": mine}, "in": kept}}
