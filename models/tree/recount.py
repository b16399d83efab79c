"""Counting a conversation's messages and branches anew.

Who removes a subtree takes off the figures what he finds in it. What others store and count at that very moment, he
finds or not, and a writer who died has stored what he never counted: the figures are off then, until they are
counted anew, once nobody is at work any more who began before that.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation, Removal
from models.database import Record
from models.tree.address import MAIN, Address
from models.tree.figures import RECENT, entry_of

TRIES: Final = 5
BATCH: Final = 1_000
FIELDS: Final = ("at", "deleted_at", "purging")
"""Of a removal: what tells whether it is the same still."""


@dataclass(slots=True)
class _Counts:
    """Messages and branches by the innermost removed subtree that they lie in; None: they are seen."""

    messages: "Counter[str | None]" = field(default_factory=Counter)
    branches: "Counter[str | None]" = field(default_factory=Counter)
    newest: list[str] = field(default_factory=list)


async def recount(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> bool:
    """Make its figures exact; False where that has to be tried later, as it is being written to, or purged.

    All buckets are read, without what is said in them; of branches 200 bytes each are held in memory.
    """
    for _ in range(TRIES):
        found = await db.conversations.find_one({"_id": conversation_id})
        if found is None:
            return True
        conversation = Conversation.model_validate(found)
        if any(each.purging for each in conversation.removed):
            return False
        counts = await _counted(db, conversation)
        updated = await db.conversations.update_one({"_id": conversation_id}, _update(conversation, counts))
        if updated.modified_count or _right(conversation, counts):
            return True
    return False


async def _counted(db: AsyncDatabase[Record], conversation: Conversation) -> _Counts:
    within = {"conversation_id": conversation.id}
    named = db.branches.find(within, {"branch": 1, "parent_branch": 1, "fork_depth": 1}, batch_size=BATCH)
    homes = _Homes({each["branch"]: (each["parent_branch"], each["fork_depth"]) async for each in named}, conversation)
    counts = _Counts()
    fields = {"branch": 1, "messages.depth": 1, "messages.created_at": 1, "messages.removed": 1}
    async for bucket in db.buckets.find(within, fields, batch_size=BATCH):
        branch = bucket["branch"]
        if branch not in homes.branches:  # a fork that was never given its name
            continue
        there = [each for each in bucket["messages"] if not each.get("removed")]
        for message in there:
            counts.messages[homes.of(branch, message["depth"])] += 1
        if branch != MAIN and any(each["depth"] == homes.branches[branch][1] for each in there):
            counts.branches[homes.of(branch, homes.branches[branch][1])] += 1
        entries = [entry_of(Address(branch, each["depth"]), each) for each in there]
        counts.newest = nlargest(RECENT, [*counts.newest, *entries])
    return counts


class _Homes:
    """In which removed subtree a message lies: the innermost one."""

    def __init__(self, branches: dict[str, tuple[str | None, int]], conversation: Conversation) -> None:
        self.branches = branches
        self._roots: dict[str, list[int]] = defaultdict(list)
        for at in (Address.parse(each.at) for each in conversation.removed):
            self._roots[at.branch].append(at.depth)
            self._roots[at.branch].sort()
        self._above: dict[str, str | None] = {MAIN: None}

    def of(self, branch: str, depth: int) -> str | None:
        """Its address."""
        return self._own(branch, depth) or self._inherited(branch)

    def _own(self, branch: str, depth: int) -> str | None:
        roots: Sequence[int] = self._roots.get(branch, ())
        at = bisect_right(roots, depth)
        return str(Address(branch, roots[at - 1])) if at else None

    def _inherited(self, branch: str) -> str | None:
        """Of the message that the branch left; forks that leave forks may be nested deeper than calls may."""
        waiting: list[str] = []
        while branch not in self._above:
            parent, start = self.branches.get(branch, (None, 0))
            if parent is None:
                self._above[branch] = None
            elif own := self._own(parent, start - 1):
                self._above[branch] = own
            else:
                waiting.append(branch)
                branch = parent
        home = self._above[branch]
        self._above.update(dict.fromkeys(waiting, home))
        return home


def _removed(conversation: Conversation, counts: _Counts) -> list[Removal]:
    return [
        each.model_copy(update={"messages": counts.messages[each.at], "branches": counts.branches[each.at]})
        for each in conversation.removed
    ]


def _right(conversation: Conversation, counts: _Counts) -> bool:
    """Whether that is what stands there already."""
    figures = (counts.messages[None], counts.branches[None] + 1, _removed(conversation, counts))
    same = figures == (conversation.message_count, conversation.branch_count, conversation.removed)
    return same and sorted(counts.newest) == conversation.counted


def _update(conversation: Conversation, counts: _Counts) -> list[Record]:
    """In one write that does nothing where somebody else has written meanwhile.

    Who has stored his message and not counted it yet finds it among those that are.
    """
    removed: Record = {"$ifNull": ["$removed", []]}
    same: list[Record] = [
        {"$eq": ["$message_count", conversation.message_count]},
        {"$eq": [{"$ifNull": ["$counted", []]}, {"$literal": conversation.counted}]},
        *(
            {
                "$eq": [
                    {"$map": {"input": removed, "as": "each", "in": f"$$each.{name}"}},
                    {"$literal": [getattr(each, name) for each in conversation.removed]},
                ]
            }
            for name in FIELDS
        ),
    ]
    new = {
        "message_count": counts.messages[None],
        "branch_count": counts.branches[None] + 1,
        "removed": [each.model_dump() for each in _removed(conversation, counts)],
        "counted": sorted(counts.newest),
    }
    old = {name: f"${name}" for name in new} | {"removed": removed, "counted": {"$ifNull": ["$counted", []]}}
    return [
        {"$set": {name: {"$cond": [{"$and": same}, {"$literal": value}, old[name]]} for name, value in new.items()}}
    ]
