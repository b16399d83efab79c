"""Messages of several conversations, in three calls for all short ones: some each were most of a search's time."""

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
from models.tree.lineage import Lineage
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
    lineages: dict[PydanticObjectId, dict[str, Lineage]] = {}
    if len(short) > 1:
        async with turns:
            read, lineages = await _Short(db, short).read()
    made = [
        each.history.rows_of(each.addresses, read[each.id], lineages[each.id]) if each.id in read else None
        for each in wanted
    ]
    others = (each for each, there in zip(wanted, made, strict=True) if there is None)
    rest = iter(await asyncio.gather(*(each.history.rows(each.addresses, read.get(each.id)) for each in others)))
    return [next(rest) if there is None else there for there in made]


class _Short:
    """Short conversations, read together."""

    def __init__(self, db: AsyncDatabase[Record], wanted: Sequence[Wanted]) -> None:
        self._buckets = db.get_collection("buckets", codec_options=NAIVE)
        self._wanted = wanted
        self._widths = {each.id: each.conversation.slot_width for each in wanted}

    async def read(self) -> tuple[dict[PydanticObjectId, Messages], dict[PydanticObjectId, dict[str, Lineage]]]:
        """The messages that rows are made of, and the lineages of branches that begin among them, by conversation."""
        read = await self._messages({each.id: _around(each.addresses) for each in self._wanted})
        begins = {each.id: each.history.begins(each.addresses, read[each.id]) for each in self._wanted}
        lineages = await self._lineages(begins)
        parents = {id_: {each.parent for each in some.values() if each.parent} for id_, some in lineages.items()}
        for id_, more in (await self._messages(parents)).items():
            read[id_] |= more
        return read, lineages

    async def _messages(
        self, places: Mapping[PydanticObjectId, Collection[Address]]
    ) -> dict[PydanticObjectId, Messages]:
        slots = {id_: {slot(a.branch, a.depth, self._widths[id_]) for a in some} for id_, some in places.items()}
        fields = {"conversation_id": 1, "branch": 1, "messages": _at_depths(places)}
        found: dict[PydanticObjectId, Messages] = {id_: {} for id_ in places}
        for bucket in await self._in_slots(slots, fields):
            found[bucket["conversation_id"]] |= by_address(bucket)
        return found

    async def _lineages(
        self, begins: Mapping[PydanticObjectId, Mapping[str, int]]
    ) -> dict[PydanticObjectId, dict[str, Lineage]]:
        slots = {
            id_: {slot(branch, start, self._widths[id_]) for branch, start in starts.items()}
            for id_, starts in begins.items()
        }
        fields = {"conversation_id": 1, "branch": 1, "first_depth": 1, "lineage": 1}
        found: dict[PydanticObjectId, dict[str, Lineage]] = {id_: {} for id_ in begins}
        for bucket in await self._in_slots(slots, fields):
            id_, branch = bucket["conversation_id"], bucket["branch"]
            if bucket["first_depth"] == begins[id_].get(branch):
                found[id_][branch] = Lineage.of(branch, bucket.get("lineage"))
        return found

    async def _in_slots(self, slots: Mapping[PydanticObjectId, set[str]], fields: Record) -> list[Record]:
        """Of the buckets in these slots of conversations; some more, where one slot is in several."""
        wanted = {id_: some for id_, some in slots.items() if some}
        if not wanted:
            return []
        stages: list[Record] = [
            {"$match": {"conversation_id": {"$in": list(wanted)}}},
            {"$match": {"slot": {"$in": list(set().union(*wanted.values()))}}},  # MongoDB makes one of both
            {"$project": fields},
        ]
        return await (await self._buckets.aggregate(stages, batchSize=BATCH)).to_list()


def _around(addresses: Iterable[Address]) -> set[Address]:
    """With what comes before each on its branch."""
    return {*addresses, *(Address(each.branch, each.depth - 1) for each in addresses if each.depth)}


def _at_depths(places: Mapping[PydanticObjectId, Collection[Address]]) -> dict[str, Any]:
    """Of a bucket's messages those at the depths that are wanted of its conversation."""
    depths = [sorted({address.depth for address in addresses}) for addresses in places.values()]
    mine = {"$arrayElemAt": [depths, {"$indexOfArray": [list(places), "$conversation_id"]}]}
    kept = {"$filter": {"input": "$messages", "as": "m", "cond": {"$in": ["$$m.depth", "$$depths"]}}}
    return {"$let": {"vars": {"depths": mine}, "in": kept}}
