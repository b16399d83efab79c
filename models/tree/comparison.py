"""Where two paths part: the messages that both share are the first ones of each."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, resolve

PROBES: Final = 64
"""Depths that are looked at in one go: four rounds find the place in paths of a million messages."""


async def shared_length(buckets: Buckets, one: Lineage, other: Lineage, length: int) -> int:
    """How many messages both paths begin with, of which the shorter has `length`.

    A round costs a call for each path, and none where it has fewer than 128 forks.
    """
    known, bound = 0, length
    while known < bound:
        step = max(1, (bound - known) // PROBES)
        depths = range(known, bound, step)
        homes = [await _homes(buckets, lineage, depths) for lineage in (one, other)]
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(*homes, strict=True))))
        bound = min(bound, depths[same]) if same < len(depths) else bound
        known = depths[same - 1] + 1 if same else known
    return known


async def _homes(buckets: Buckets, lineage: Lineage, depths: Sequence[int]) -> list[str]:
    """The branches that hold the path's messages at `depths`, which ascend."""
    segments = await resolve(lineage, [range(depth, depth + 1) for depth in depths], buckets.lineages)
    homes: list[str] = []
    at = 0
    for depth in depths:
        while at + 1 < len(segments) and segments[at + 1].start <= depth:
            at += 1
        homes.append(segments[at].branch)
    return homes
