"""What a segment's documents are: messages in the order of their owner, conversation, branch and depth.

So an owner's messages, and a conversation's, are a stretch of document numbers in each segment.
"""

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from beanie import PydanticObjectId
from numpy.typing import NDArray

from models.tree.address import MAIN, Address

Keys: TypeAlias = NDArray[np.bytes_]

PAGE: Final = 512
"""Documents to a page."""
_MAIN: Final = bytes(8)
KEY: Final = "S36"


class MessageKey(NamedTuple):
    """A message's place among all."""

    owner_id: PydanticObjectId
    conversation_id: PydanticObjectId
    address: Address

    @property
    def packed(self) -> bytes:
        """36 bytes that are in the same order: owner, conversation, branch, depth."""
        branch = _MAIN if self.address.branch == MAIN else bytes.fromhex(self.address.branch)
        ids = self.owner_id.binary + self.conversation_id.binary
        return ids + branch + self.address.depth.to_bytes(4, "big")

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read it. Trailing zeros, which NumPy drops, are put back."""
        whole = packed.ljust(36, b"\0")
        branch = MAIN if whole[24:32] == _MAIN else whole[24:32].hex()
        address = Address(branch, int.from_bytes(whole[32:], "big"))
        return cls(PydanticObjectId(whole[:12]), PydanticObjectId(whole[12:24]), address)


class Stretch(NamedTuple):
    """The keys from `low` to before `high`."""

    low: bytes
    high: bytes

    @classmethod
    def of(cls, prefix: bytes) -> Self:
        """All keys that begin so."""
        return cls(prefix.ljust(36, b"\0"), prefix.ljust(36, b"\xff"))

    @classmethod
    def run(cls, prefix: bytes, branch: str, start: int, stop: int) -> Self:
        """Depths `start <= depth < stop` of a branch, of the conversation with that prefix."""
        name = prefix + (_MAIN if branch == MAIN else bytes.fromhex(branch))
        return cls(name + start.to_bytes(4, "big"), name + stop.to_bytes(4, "big"))


EVERYTHING: Final = Stretch.of(b"")


def keys(packed: Sequence[bytes]) -> Keys:
    """As an array, whose order is that of the bytes."""
    return np.array(packed, KEY)


class DocumentPage:
    """Keys of up to `PAGE` documents."""

    def __init__(self, data: bytes) -> None:
        plain = zlib.decompress(data)
        self.keys: Keys = np.frombuffer(plain, KEY)
        self.size = len(plain)


def packed_pages(documents: Keys) -> list[tuple[bytes, bytes]]:
    """(first key, page) of all documents, which are in order."""
    starts = range(0, len(documents), PAGE)
    return [
        (documents[start].ljust(36, b"\0"), zlib.compress(documents[start : start + PAGE].tobytes(), 1))
        for start in starts
    ]


def page_of(firsts: Sequence[bytes], key: bytes) -> int:
    """The page where `key` is, or would be."""
    return max(bisect_right(firsts, key) - 1, 0)
