"""Messages that were stored and never counted: whoever appended them has died, and nobody sent them again.

They are counted late, by the update that the append would have made: it has a number that nobody announces, so who
follows the conversation is told that he missed something.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.tree.address import MAIN, Address
from models.tree.figures import RECENT, counting, entry_of

SETTLED: Final = timedelta(seconds=10)
"""After so long nobody is about to count a message: he has died."""
LATEST: Final = timedelta(hours=1)
"""Older ones are left as they are: those of releases that noted nothing might be counted twice."""


async def caught_up(db: AsyncDatabase[Record], buckets: Sequence[Record]) -> list[Record]:
    """Count what is not counted in these, which have been read; return them without those of which it is too soon.

    Needed are `conversation_id`, `branch`, and of messages `depth`, `created_at`, `nonce` (whoever has none came with
    its conversation) and `removed`. Of a message older than the last 16 that were counted nobody can tell.
    """
    moment = now()
    fresh = [bucket for bucket in buckets if any(_suspects(bucket, moment))]
    if not fresh:
        return list(buckets)
    ids = list({bucket["conversation_id"] for bucket in fresh})
    found = db.conversations.find({"_id": {"$in": ids}}, {"counted": 1})
    counted: dict[Any, list[str]] = {each["_id"]: each.get("counted", []) async for each in found}
    early: set[Any] = set()
    for bucket in (each for each in fresh if each["conversation_id"] in counted):
        for address, message in _suspects(bucket, moment):
            if _known(entry_of(address, message), counted[bucket["conversation_id"]]):
                continue
            if message["created_at"] > moment - SETTLED:
                early.add(bucket["_id"])
            else:
                await _count(db, bucket["conversation_id"], address, message)
    return [bucket for bucket in buckets if bucket["_id"] not in early]


def _suspects(bucket: Record, moment: datetime) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    """Those that were appended lately."""
    for message in bucket["messages"]:
        if "nonce" in message and not message.get("removed") and message["created_at"] > moment - LATEST:
            yield Address(bucket["branch"], message["depth"]), message


def _known(entry: str, counted: Sequence[str]) -> bool:
    return entry in counted or (len(counted) >= RECENT and entry < counted[0])


async def _count(db: AsyncDatabase[Record], id_: Any, address: Address, message: Mapping[str, Any]) -> None:
    forked = False
    if address.branch != MAIN:
        branch = await db.branches.find_one({"conversation_id": id_, "branch": address.branch}, {"fork_depth": 1})
        forked = branch is not None and branch["fork_depth"] == address.depth
    update = counting(address, message, forked=forked, fresh=False)
    await db.conversations.update_one({"_id": id_}, update)
