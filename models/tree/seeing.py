"""Finding out what somebody sees to whom branches are shared: one call, two where a path has more than 128 forks."""

from collections.abc import Collection

from models.tree.address import MAIN
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment, whole
from models.tree.sight import End, Sight


async def sight_of(buckets: Buckets, branches: Collection[str]) -> Sight:
    """What lies on the paths of `branches`; those that don't exist (any more) show nothing."""
    tails = await buckets.dated_tails(branches)
    lineages = [tail.lineage for tail in tails.values()]
    if MAIN in branches and MAIN not in tails:  # nothing is there yet
        lineages.append(Lineage(Segment(MAIN, 0, 0)))
    ends = {name: End(tail.end, None if tail.cut else tail.written_at) for name, tail in tails.items()}
    return Sight(await whole(lineages, buckets.lineages), ends)
