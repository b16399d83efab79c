"""A conversation's figures: each message counted once, however often its append is tried."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from models.clock import now
from models.news import appended, noting
from models.tree.address import Address

RECENT: Final = 16
"""Messages that a conversation remembers to have counted: so many others may come between a try and its retry."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE: Final = 10**14
"""Milliseconds; more than any time is before that."""
_AFTER: Final = 10**13
"""Milliseconds; in the year 2286."""


def counting(
    address: Address, message: Mapping[str, Any], *, forked: bool, fresh: bool, after: int | None = None
) -> list[dict[str, Any]]:
    """The update that counts the message at `address`, unless it is counted.

    With `after`, only where that is the number of the latest change (`models.news`): who then hears that a document
    was modified knows the number of his own, and needs not read it.

    A crash between a message and its count leaves the count short until the retry, which finds the message stored and
    not among the latest that were counted. A retry of an older message than those comes too late to tell: it counts
    nothing.
    """
    entry = entry_of(address, message)
    recent = {"$ifNull": ["$counted", []]}
    known: dict[str, Any] = {"$in": [entry, recent]}
    if not fresh:
        # INVARIANT: `counted` is in order, so whatever fell out of it is older than its first.
        older = {"$lt": [entry, {"$arrayElemAt": [recent, 0]}]}
        known = {"$or": [known, {"$and": [{"$gte": [{"$size": recent}, RECENT]}, older]}]}
    figures = {
        "message_count": {"$add": ["$message_count", 1]},
        "branch_count": {"$add": ["$branch_count", int(forked)]},
        "updated_at": {"$max": ["$updated_at", now()]},
        "counted": {
            "$slice": [
                {"$concatArrays": [_those(recent, "$lt", entry), [entry], _those(recent, "$gt", entry)]},
                -RECENT,
            ]
        },
    }
    if after is not None:
        known = {"$or": [known, {"$ne": [{"$ifNull": ["$news", 0]}, after]}]}
    figures |= noting(appended(address))
    return [{"$set": {name: {"$cond": [known, f"${name}", value]} for name, value in figures.items()}}]


def foretold(counted: Sequence[str], branch: str) -> Address | None:
    """Where `branch` goes on as far as its conversation tells, which remembers these messages; None where it doesn't.

    Nothing is relied on: whatever is written there fails where another message is, or where the end is further up.
    """
    latest = next((each for each in reversed(counted) if each.partition(" ")[2].startswith(f"{branch}.")), None)
    return Address(branch, int(latest.rpartition(".")[2]) + 1) if latest else None


def entry_of(address: Address, message: Mapping[str, Any]) -> str:
    """What is remembered of a message that is counted: texts are in the order of the times."""
    return f"{_written((message['created_at'] - _EPOCH) // timedelta(milliseconds=1))} {address}"


def _written(ms: int) -> str:
    """Those since 2001 have 13 digits. `-` comes before digits, and `:` after them."""
    if ms < 0:
        return f"-{_BEFORE + ms:014}"
    return f"{ms:013}" if ms < _AFTER else f":{ms:015}"


def _those(entries: Mapping[str, Any], compared: str, entry: str) -> dict[str, Any]:
    return {"$filter": {"input": entries, "as": "each", "cond": {compared: ["$$each", entry]}}}
