"""Where branches end for a reader: by what was removed out of a conversation, and by what is shared with him."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Self

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree.address import MAIN, Address
from models.usage.errors import TooMuchUsageError
from models.usage.reach import Seen

MOST_BRANCHES: Final = 200_000
"""Of conversations out of which something was removed: all their branches are looked through."""
ENDLESS: Final = 2**31


class Ends:
    """Of some conversations."""

    def __init__(self, conversations: Iterable[Seen], cut: Mapping[ObjectId, Mapping[str, int]]) -> None:
        self._conversations = {each.id: each for each in conversations}
        self._cut = cut

    @classmethod
    async def read(cls, db: AsyncDatabase[Record], conversations: Iterable[Seen]) -> Self:
        """Only where something was removed, the database is asked. Raises `TooMuchUsageError`."""
        known = list(conversations)
        left = MOST_BRANCHES
        cut: dict[ObjectId, Mapping[str, int]] = {}
        for each in known:
            if each.removed:
                query = {"conversation_id": each.id}
                fields = {"branch": 1, "parent_branch": 1, "fork_depth": 1}
                branches = await db.branches.find(query, fields, batch_size=5_000).limit(left + 1).to_list()
                left -= len(branches)
                if left < 0:
                    raise TooMuchUsageError("branches beside removed messages", MOST_BRANCHES)
                cut[each.id] = ends(branches, map(Address.parse, each.removed))
        return cls(known, cut)

    def of(self, conversation_id: ObjectId, branch: str) -> int:
        """The depth at which the branch ends; 0 if nothing of it is seen."""
        stops, cut = self._conversations[conversation_id].stops, self._cut.get(conversation_id)
        end = ENDLESS if stops is None else stops.get(branch, 0)
        return end if cut is None else min(end, cut.get(branch, 0))


def ends(branches: Iterable[Record], removed: Iterable[Address]) -> dict[str, int]:
    """Where each branch ends that isn't out of sight altogether, as it leaves another one where that is removed."""
    roots: dict[str, int] = {}
    for each in removed:
        roots[each.branch] = min(each.depth, roots.get(each.branch, ENDLESS))
    children: dict[str | None, list[tuple[str, int]]] = defaultdict(list)
    for branch in branches:
        children[branch["parent_branch"]].append((branch["branch"], branch["fork_depth"]))
    found: dict[str, int] = {}
    waiting = list({MAIN, *(name for name, _ in children[None])})
    while waiting:
        name = waiting.pop()
        found[name] = roots.get(name, ENDLESS)
        waiting += [child for child, depth in children[name] if depth <= found[name]]
    return found
