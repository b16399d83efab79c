"""Removed subtrees, as reading and appending honour them: a note on the conversation, and no write below it.

Who removes a message and all below it writes one `Removal` into the conversation. Whether something lies below is
told by its lineage: its path goes through the removed message, or it doesn't. So it costs the same to remove one
message or a million, and the same to bring them back.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from models.conversation import Conversation, Removal
from models.tree.address import Address
from models.tree.buckets import Buckets, Tail
from models.tree.lineage import Lineage, Segment, resolve

MOST: Final = 200
"""Removed subtrees that may wait in one conversation, each 150 bytes of its document."""


class Removals:
    """Those of one conversation, as it was read. Without any, nothing here costs a call."""

    def __init__(self, conversation: Conversation, buckets: Buckets) -> None:
        self._found: Final[Mapping[Address, Removal]] = {Address.parse(each.at): each for each in conversation.removed}
        self._buckets = buckets

    def __bool__(self) -> bool:
        return bool(self._found)

    def at(self, address: Address) -> Removal | None:
        """The one that begins there."""
        return self._found.get(address)

    def __iter__(self) -> Iterator[Address]:
        return iter(self._found)

    def gone(self, parent: Address | None) -> list[int]:
        """The ordinals of those children of `parent` that are removed."""
        wanted = str(parent) if parent else None
        return [each.ordinal for each in self._found.values() if each.parent == wanted]

    def end(self, tail: Tail) -> int:
        """The depth at which the branch's own messages end for whoever reads; they may all be removed."""
        return min([tail.end, *(each.depth for each in self._found if each.branch == tail.branch)])

    def above(self, lineage: Lineage) -> list[range]:
        """The depths, each by itself, at which one may cut the path off before the branch's own messages begin."""
        depths = {each.depth for each in self._found if each.depth < lineage.own.start}
        return [range(depth, depth + 1) for depth in sorted(depths)]

    def first(self, segments: Sequence[Segment], before: int) -> Address | None:
        """The uppermost on a path above the depth `before`; `segments` hold at least the depths that `above` told."""
        starts = [segment.start for segment in segments]
        on_path = (
            each
            for each in self._found
            if each.depth < before and segments[bisect_right(starts, each.depth) - 1].branch == each.branch
        )
        return min(on_path, key=lambda each: each.depth, default=None)

    async def cut_off(self, tails: Iterable[Tail]) -> dict[str, Address]:
        """Those of the branches whose path is cut off before their own messages begin, and where it is."""
        found: dict[str, Address] = {}
        for tail in tails if self._found else ():
            if above := self.above(tail.lineage):
                segments = await resolve(tail.lineage, above, self._buckets.lineages)
                if cut := self.first(segments, tail.lineage.own.start):
                    found[tail.branch] = cut
        return found
