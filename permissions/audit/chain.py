"""How records are sealed and blocks chained, and how a check finds what was done to them. Pure: no store is asked.

Each record is sealed by itself (an HMAC over it, its block's number and its place), so an edit is found where it was
made. Each block's digest covers the seals of its records in their order and the digest before it, so nothing can be
taken out, put in or moved. The key follows from `PARLEY_SECRET_KEY`: who can write to the database, and knows no more,
can't make either.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self

import orjson

from models.database import Record
from permissions.audit.events import spelled
from permissions.authn.derivation import derive


class Head(NamedTuple):
    """The end of a chain: its last block's number, digest and time."""

    number: int
    digest: bytes
    at: datetime

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> Self:
        """The head that a stored block is; of what somebody made of it, if it is none any more."""
        digest, at = block.get("digest"), block.get("at")
        if isinstance(digest, bytes) and isinstance(at, datetime):
            return cls(block["_id"], digest, at)
        return cls(block["_id"], b"", GENESIS.at)


GENESIS: Final = Head(0, bytes(32), datetime.fromtimestamp(0, UTC))
"""What comes before the first block."""


class Sealer:
    """Makes and checks seals with one key."""

    def __init__(self, secret: str) -> None:
        self._keyed: Final = hmac.new(derive(secret, "audit log"), digestmod=sha256)
        self.key_name: Final = sha256(derive(secret, "audit log's name")).hexdigest()[:8]

    def chain(self, after: Head, parts: Iterable[Sequence[Record]], at: datetime) -> list[Record]:
        """The blocks that follow `after`, one of each part."""
        blocks: list[Record] = []
        for records in parts:
            blocks.append(self.block(after, records, at))
            after = Head.of(blocks[-1])
        return blocks

    def block(self, after: Head, records: Sequence[Record], at: datetime) -> Record:
        """The block that follows `after`."""
        number, moment = after.number + 1, max(at, after.at, *(record["at"] for record in records))
        sealed = [self._sealed(number, place, record) for place, record in enumerate(records)]
        block = {
            "_id": number,
            "at": moment,
            "key": self.key_name,
            "previous": after.digest,
            "size": len(sealed),
            "records": sealed,
        }
        return {**block, "digest": self.digest(block)}

    def _sealed(self, number: int, place: int, record: Record) -> Record:
        placed = {"n": place, **record}
        placed["seal"] = self._mac("record", [number, placed])
        return placed

    def seal(self, number: int, record: Mapping[str, Any]) -> bytes:
        """The seal of a record in block `number`: it covers every field, and the place."""
        return self._mac("record", [number, {name: held for name, held in record.items() if name != "seal"}])

    def digest(self, block: Mapping[str, Any]) -> bytes:
        """The digest of a block: it covers every other field, and the records' seals in their order."""
        rest = {name: held for name, held in block.items() if name not in ("records", "digest")}
        seals = [record.get("seal") if isinstance(record, dict) else record for record in block["records"]]
        return self._mac("block", [rest, seals])

    def head(self, head: Head) -> bytes:
        """The seal of a head that is kept elsewhere."""
        return self._mac("head", list(head))

    def _mac(self, purpose: str, value: Any) -> bytes:
        mac = self._keyed.copy()  # half of the work is to take in the key
        mac.update(b"%b %b" % (purpose.encode(), canonical(value)))
        return mac.digest()


def canonical(value: Any) -> bytes:
    """One spelling for what MongoDB gives back as it was stored."""
    text = spelled(value)
    return repr(value).encode() if text is None else text  # only a forger stores what has no spelling


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: `record` is its place in block `block`."""

    what: str
    block: Any
    record: Any = None

    def __str__(self) -> str:
        where = f"block {self.block}" if self.record is None else f"record {self.block}.{self.record}"
        return f"{where}: {self.what}"


class Verifier:
    """Follows a chain block by block, from a head that is trusted."""

    def __init__(self, sealer: Sealer, start: Head = GENESIS) -> None:
        self._sealer: Final = sealer
        self.head = start
        self._ends = {start.digest}
        self.blocks = 0
        self.records = 0

    def follow(self, block: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong with the next block. Go by number; missing ones are told of."""
        number = block["_id"]
        yield from (Finding("is missing", each) for each in missing(self.head.number, number))
        try:
            yield from list(self._inside(block))
            # An edited digest is told of where it stands, not again at the block that follows.
            self.head, self._ends = Head.of(block), {block["digest"], self._sealer.digest(block)}
            self.records += len(block["records"])
        except (KeyError, TypeError, AttributeError, ValueError):
            yield Finding("is not in the form of a block", number)
            self.head, self._ends = Head(number, b"", self.head.at), set()
        self.blocks += 1

    def _inside(self, block: Mapping[str, Any]) -> Iterator[Finding]:
        number = block["_id"]
        if block["key"] != self._sealer.key_name:
            yield Finding("was sealed under another PARLEY_SECRET_KEY", number)
            return
        found = list(self._records(number, block))
        yield from found
        if not found and not hmac.compare_digest(self._sealer.digest(block), block["digest"]):
            yield Finding("was edited: its digest does not fit", number)
        elif number == self.head.number + 1 and self._ends and block["previous"] not in self._ends:
            yield Finding("does not follow the block before it", number)

    def _records(self, number: int, block: Mapping[str, Any]) -> Iterator[Finding]:
        seen: set[int] = set()
        last = -1
        for record in block["records"]:
            place = record["n"]
            if not hmac.compare_digest(self._sealer.seal(number, record), record["seal"]):
                yield Finding("was inserted" if place in seen else "was edited", number, place)
            elif place in seen:
                yield Finding("stands there twice", number, place)
            elif place < last:
                yield Finding("was moved", number, place)
            seen.add(place)
            last = max(last, place)
        yield from (Finding("is missing", number, place) for place in range(block["size"]) if place not in seen)


MOST_MISSING: Final = 1_000
"""Most missing blocks in a row that are named."""


def missing(last: int, following: int) -> range:
    """The numbers between two blocks; of a long gap, the first ones."""
    return range(last + 1, min(following, last + 1 + MOST_MISSING))


def anchored(text: str, sealer: Sealer) -> Head | None:
    """The head that `anchor` wrote; None if it is no text of ours."""
    try:
        number, digest, at, seal = orjson.loads(text)
        head = Head(number, bytes.fromhex(digest), datetime.fromtimestamp(at / 1000, UTC))
        return head if hmac.compare_digest(sealer.head(head), bytes.fromhex(seal)) else None
    except (ValueError, TypeError, OverflowError):
        return None


def anchor(head: Head, sealer: Sealer) -> str:
    """`head` as a text for another place: who keeps it can tell later whether the chain still has it."""
    moment = round(head.at.timestamp() * 1000)
    return orjson.dumps([head.number, head.digest.hex(), moment, sealer.head(head).hex()]).decode()
