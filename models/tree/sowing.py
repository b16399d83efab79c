"""Planting a tree of any size while it is read: what `plant` does for a tree in memory, in memory that doesn't grow.

Branches come after the branch that they leave, and keep their names; each message says how many branches leave after
it. The conversation's document comes last and makes the rest visible. What a crash before that left behind, the next
try with the same text completes; what is left of another text it sweeps away.
"""

from collections import OrderedDict
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from models.clock import stored
from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, slot
from models.tree.buckets import Buckets
from models.tree.draft import Draft, TreeLimits, bson_size
from models.tree.errors import UnsoundTreeError
from models.tree.fork_queue import Fork
from models.tree.lineage import Lineage, Segment
from models.tree.plant import BATCH_BYTES, DUPLICATE_KEY
from models.tree.plantings import Planting

LINEAGES: Final = 2_000
"""Branches whose lineage is kept in memory, 2 KB each; that of others is read again."""
BRANCHES: Final = 5_000
"""Documents of branches sent in one call."""
VANISHED: Final = 1_000
"""Branches of one text that an export lost while it read them; each costs an update."""


class Sowing:
    """Of one conversation. `text` is the same for the same text, and for no other."""

    def __init__(self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, text: bytes) -> None:
        self._db = db
        self._conversation = conversation
        self._limits = limits
        self._text = text
        self._note = Planting(db, conversation.id, text)
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits, conversation.owner_id)
        self._lineages: OrderedDict[str, Lineage] = OrderedDict()
        self._waiting: list[Record] = []
        self._waiting_bytes = 0
        self._branches: list[Record] = []
        self._run: _Run | None = None
        self._root_gone: list[int] = []
        self._messages = self._branch_count = self._root_forks = self._vanished = 0

    async def begin(self, root_forks: int) -> bool:
        """False where the conversation is there already. `root_forks` alternatives to the first message will come.

        Raises `UnderWayError` while another text is planted.
        """
        if await self._db.conversations.find_one({"_id": self._conversation.id}, {"_id": 1}):
            return False
        if not await self._note.begin():
            return False
        left = await self._db.buckets.find_one({"conversation_id": self._conversation.id}, {"planting": 1})
        if left and left.get("planting") != self._text:
            await self.sweep()
        self._root_forks = root_forks
        return True

    async def sweep(self) -> None:
        """Take away what is left of a planting."""
        await self._db.branches.delete_many({"conversation_id": self._conversation.id})
        await self._db.buckets.delete_many({"conversation_id": self._conversation.id})  # last: they tell what to do

    async def give_up(self) -> None:
        """Take away what is left of it: it will not be finished."""
        await self.sweep()
        await self._note.give_up()

    async def branch(self, fork: Fork) -> None:
        """The messages that come next are its own. Raises `UnsoundTreeError`."""
        await self._end_branch()
        self._run = _Run(fork, await self._lineage_of(fork), fork.start)
        self._branch_count += 1
        self._branches.append(_record(self._conversation.id, fork))

    async def message(self, draft: Draft, forks: int) -> None:
        """The next message of the branch, after which `forks` branches leave."""
        run = self._run
        if run is None:
            raise UnsoundTreeError("a message comes before any branch")
        message = draft.record(run.depth)
        if forks:
            message["forks"] = forks
        run.depth += 1
        self._messages += 1
        await self._add(run, message)

    async def vanish(self, fork: Fork) -> None:
        """There is no such branch, though its place among its siblings is counted."""
        self._vanished += 1
        if self._vanished > VANISHED:
            raise UnsoundTreeError(f"more than {VANISHED:,} branches are without a message")
        await self._end_branch()
        if fork.after is None:
            self._root_gone.append(fork.ordinal)
            return
        await self._flush()
        await self._buckets.change(fork.after, {"$addToSet": {"messages.$[m].gone": fork.ordinal}})

    async def finish(self, chosen: str) -> bool:
        """Make it visible; False where somebody else has done so meanwhile. Raises `UnsoundTreeError`."""
        await self._end_branch()
        await self._flush()
        counted = self._conversation.model_copy(
            update={
                "message_count": self._messages,
                "branch_count": self._branch_count,
                "root_forks": self._root_forks,
                "root_gone": self._root_gone,
                "chosen_branch": chosen if await self._branch_exists(chosen) else MAIN,
            }
        )
        try:
            await counted.insert()
        except DuplicateKeyError:
            return False
        await self._note.end()
        return True

    async def _add(self, run: "_Run", message: Record) -> None:
        """Put it into the bucket at hand, as appending would, or begin the next one."""
        width, size = self._buckets.width, bson_size(message)
        if run.piece and (
            slot("", run.piece[0]["depth"], width) != slot("", message["depth"], width)
            or run.size >= self._limits.bucket_bytes
        ):
            await self._put(self._bucket(run, tail=False))
            run.piece, run.size = [], 0
        run.piece.append(message)
        run.size += size

    async def _end_branch(self) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        cut = await self._closed(run)
        if run.piece:
            await self._put(self._bucket(run, tail=True) | ({"cut": True, "open": False} if cut else {}))
        elif run.fork.branch != MAIN:
            raise UnsoundTreeError(f"branch {run.fork.branch} has no message")

    async def _closed(self, run: "_Run") -> bool:
        """Whether what came next on the branch is gone while its siblings are there: then nothing may follow there."""
        last = run.piece[-1] if run.piece else None
        if (last.get("forks", 0) if last else self._root_forks if run.fork.branch == MAIN else 0) == 0:
            return False
        if last:
            last["gone"] = [0]
        else:
            self._root_gone.append(0)
        at = last["created_at"] if last else self._conversation.started_at
        await self._add(run, {"depth": run.depth, "role": "user", "created_at": stored(at), "removed": True})
        return True

    def _bucket(self, run: "_Run", *, tail: bool) -> Record:
        made = self._buckets.record(run.fork.branch, run.piece, run.lineage, tail=tail)
        return {**made, "planting": self._text}

    async def _put(self, bucket: Record) -> None:
        self._waiting.append(bucket)
        self._waiting_bytes += bucket["size"]
        if self._waiting_bytes >= BATCH_BYTES or len(self._branches) >= BRANCHES:
            await self._flush()

    async def _flush(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        await self._note.goes_on()
        await self._insert_missing("buckets", waiting)
        branches, self._branches = self._branches, []
        if await self._insert_missing("branches", branches):
            await self._require_same(branches)

    async def _insert_missing(self, collection: str, batch: list[Record]) -> bool:
        """Whether some of it was there already."""
        try:
            if batch:
                await self._db[collection].insert_many(batch, ordered=False)
        except BulkWriteError as error:
            if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
                raise
            return True
        return False

    async def _require_same(self, branches: list[Record]) -> None:
        """What was there must be what an earlier try stored, and not another branch of the same name or number."""
        names = [each["branch"] for each in branches]
        query = {"conversation_id": self._conversation.id, "branch": {"$in": names}}
        there = {each["branch"]: each async for each in self._db.branches.find(query, batch_size=BRANCHES)}
        for each in branches:
            found = there.get(each["branch"], {})
            if any(found.get(name) != each[name] for name in ("parent_branch", "fork_depth", "ordinal")):
                raise UnsoundTreeError(f"branch {each['branch']} comes twice")

    async def _lineage_of(self, fork: Fork) -> Lineage:
        own = Segment(fork.branch, fork.start, fork.ordinal)
        lineage = Lineage(own) if fork.after is None else (await self._lineage(fork.after)).child(own)
        self._lineages[fork.branch] = lineage
        if len(self._lineages) > LINEAGES:
            self._lineages.popitem(last=False)
        return lineage

    async def _lineage(self, parent: Address) -> Lineage:
        """That of a branch that came before."""
        if parent.branch in self._lineages:
            self._lineages.move_to_end(parent.branch)
            return self._lineages[parent.branch]
        await self._flush()
        query = {"conversation_id": self._conversation.id, "branch": parent.branch}
        found = await self._db.branches.find_one(query, {"fork_depth": 1})
        starts = {parent.branch: found["fork_depth"]} if found else {}
        lineage = (await self._buckets.first_lineages(starts)).get(parent.branch) if starts else None
        if lineage is None:
            raise UnsoundTreeError(f"a branch leaves branch {parent.branch}, which does not come before it")
        self._lineages[parent.branch] = lineage
        return lineage

    async def _branch_exists(self, name: str) -> bool:
        query = {"conversation_id": self._conversation.id, "branch": name}
        return await self._db.branches.find_one(query, {"_id": 1}) is not None


class _Run:
    """A branch while it grows: the messages of its latest bucket, which may be its last one."""

    def __init__(self, fork: Fork, lineage: Lineage, depth: int) -> None:
        self.fork = fork
        self.lineage = lineage
        self.depth = depth
        self.piece: list[dict[str, Any]] = []
        self.size = 0


def _record(conversation_id: PydanticObjectId, fork: Fork) -> Record:
    return {
        "conversation_id": conversation_id,
        "branch": fork.branch,
        "parent_branch": fork.after.branch if fork.after else None,
        "fork_depth": fork.start,
        "ordinal": fork.ordinal,
        "created_at": fork.created_at,
    }
