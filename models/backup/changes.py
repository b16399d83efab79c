"""A change of the database: as its change stream tells it, and as the journal keeps it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from models.backup.deltas import delta
from models.database import Record

EXACT: Final[CodecOptions[Record]] = CodecOptions(
    document_class=dict, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Reads BSON so that it is written again as it was."""
MARKS: Final = "backups"
"""Where backups leave their marks in the database. It is in no backup."""
NOT_KEPT: Final = ("search_", "system.")
"""The index of search is made anew from the messages; the others are the server's own."""
LEASES: Final = "leases"


class Kind(StrEnum):
    """What happened. `indexes` is noted by the backup itself."""

    PUT = "put"
    UPDATE = "update"
    DELETE = "delete"
    DROP = "drop"
    INDEXES = "indexes"


BREAKS: Final = frozenset({"rename", "dropDatabase", "invalidate"})
"""What a journal can't follow."""
_KINDS: Final = {
    "insert": Kind.PUT,
    "replace": Kind.PUT,
    "update": Kind.UPDATE,
    "delete": Kind.DELETE,
    "drop": Kind.DROP,
}


@dataclass(frozen=True, slots=True)
class Change:
    """`at`: ms since 1970, and never less than that of the one before. `content`: a document, a delta, or indexes."""

    at: int
    kind: Kind
    collection: str = ""
    key: Any = None
    content: Any = None

    def encoded(self) -> bytes:
        """As BSON."""
        fields = {"t": bson.Int64(self.at), "o": str(self.kind), "c": self.collection, "k": self.key, "d": self.content}
        return bson.encode(fields, codec_options=EXACT)

    @classmethod
    def decoded(cls, data: bytes) -> "Change":
        """What `encoded` made."""
        fields = bson.decode(data, EXACT)
        return cls(int(fields["t"]), Kind(fields["o"]), fields["c"], fields["k"], fields["d"])


def kept(collection: str) -> bool:
    """Whether a collection is backed up: leases are of the moment, the search index is built anew."""
    return collection not in (MARKS, LEASES) and not collection.startswith(NOT_KEPT)


def indexed(collection: str) -> bool:
    """Whether its indexes are noted: also those of what is built anew, for no migration makes them a second time."""
    return collection != MARKS and not collection.startswith("system.")


def change_of(event: Mapping[str, Any], not_before: int) -> Change | None:
    """What an event tells, if it is about what is kept."""
    kind, collection = _KINDS.get(event["operationType"]), event.get("ns", {}).get("coll", "")
    if kind is None or not kept(collection):
        return None
    return Change(time_of(event, not_before), kind, collection, _key(event), _content(kind, event))


def time_of(event: Mapping[str, Any], not_before: int) -> int:
    """When it happened, in ms. Clocks may go backwards, and differ between shards; the journal's don't."""
    wall = event.get("wallTime")
    return max(not_before, event["clusterTime"].time * 1000 if wall is None else int(wall))


def key_bytes(key: Any) -> bytes:
    """A document's id as bytes that are equal where the ids are."""
    return bson.encode({"": key}, codec_options=EXACT)


def _key(event: Mapping[str, Any]) -> Any:
    return event.get("documentKey", {}).get("_id")


def _content(kind: Kind, event: Mapping[str, Any]) -> Any:
    match kind:
        case Kind.PUT:
            return event["fullDocument"]
        case Kind.UPDATE:
            return delta(event["updateDescription"])
        case _:
            return None
