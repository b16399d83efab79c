"""Any history of appends, forks, edits, deletes, restores and purges, with crashes between them, against the model."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
from beanie import PydanticObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits, Window
from models.tree import lineage as lineage_module
from models.tree.errors import BranchNotFoundError, MessageNotFoundError, PurgedError
from tests.models.tree.conftest import started
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.model import walk
from tests.models.tree.wellformed import check_well_formed

AUTHOR = PydanticObjectId()
NOT_THERE = (MessageNotFoundError, BranchNotFoundError)
Act = Callable[[MessageTree, Conversation], Awaitable[Any]]


@dataclass(eq=False)
class Leaf:
    """A message of the model."""

    content: str | None
    parent: "Leaf | None"
    address: Address
    edited_from: str | None = None
    children: "list[Leaf]" = field(default_factory=list)
    tombstone: bool = False
    removed: bool = False
    """Root of a removed subtree."""
    final: bool = False
    """A removal, or a tombstone, that was purged."""

    @property
    def path(self) -> "list[Leaf]":
        above = self.parent.path if self.parent else []
        return [*above, self]

    @property
    def seen(self) -> bool:
        return not any(each.removed for each in self.path)


@dataclass
class World:
    """The stored conversation beside the simplest model of it, and workers, who may die."""

    data: st.DataObject
    database: Database
    limits: TreeLimits
    conversation: Conversation
    roots: list[Leaf] = field(default_factory=list)
    leaves: dict[Address, Leaf] = field(default_factory=dict)
    keyed: list[tuple[Act, Leaf]] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    async def now(self) -> Conversation:
        found = await Conversation.get(self.conversation.id)
        assert found
        return found

    async def do(self, act: Act) -> Any:
        """By a worker that may die at some write; then by one that does it to the end."""
        at = self.data.draw(st.integers(0, 6))
        if at:
            mortal = MessageTree(cast(Any, Mortal(self.database.db, at)), self.limits)
            with contextlib.suppress(Crash):
                return await act(mortal, await self.now())
        return await act(MessageTree(self.database.db, self.limits), await self.now())

    def some(self, leaves: list[Leaf]) -> Leaf | None:
        return leaves[self.data.draw(st.integers(0, len(leaves) - 1))] if leaves else None

    @property
    def seen(self) -> list[Leaf]:
        return [leaf for leaf in self.leaves.values() if leaf.seen]

    def end(self, branch: str) -> Leaf | None:
        """The last message of a branch that is seen."""
        run = [leaf for leaf in self.leaves.values() if leaf.address.branch == branch and leaf.seen]
        return max(run, key=lambda leaf: leaf.address.depth, default=None)

    def add(self, parent: Leaf | None, address: Address, content: str, edited_from: str | None = None) -> Leaf:
        assert address not in self.leaves, "an address was given out twice"
        leaf = self.leaves[address] = Leaf(content, parent, address, edited_from)
        (parent.children if parent else self.roots).append(leaf)
        return leaf

    async def append(self) -> None:
        # In the order in which they were made: their names are random.
        at = self.data.draw(st.integers(0, len(self.leaves)))
        await self._append([None, *self.leaves.values()][at])

    async def edit(self) -> None:
        """A sibling that remembers what it is another version of."""
        if old := self.some(self.seen):
            await self._append(old.parent, str(old.address))

    async def _append(self, parent: Leaf | None, edited_from: str | None = None) -> None:
        number = next(self.numbers)
        content = f"c{number} " + "x" * self.data.draw(st.sampled_from((0, 700)))
        draft = Draft(MessageRole.USER, content, AUTHOR, idempotency_key=f"k{number}", edited_from=edited_from)
        place = parent.address if parent else None

        async def act(tree: MessageTree, conversation: Conversation) -> Address:
            return (await tree.append(conversation, place, draft)).address

        if parent and not parent.seen:
            with pytest.raises(NOT_THERE):
                await self.do(act)
        else:
            self.keyed.append((act, self.add(parent, await self.do(act), content, edited_from)))

    async def append_at_end(self) -> None:
        branches = list(dict.fromkeys([MAIN, *(address.branch for address in self.leaves)]))
        branch = branches[self.data.draw(st.integers(0, len(branches) - 1))]
        number = next(self.numbers)
        draft = Draft(MessageRole.USER, f"c{number}", AUTHOR, idempotency_key=f"k{number}")
        end = self.end(branch)

        async def act(tree: MessageTree, conversation: Conversation) -> Address:
            return (await tree.append_at_end(conversation, branch, draft)).address

        if end is None and branch != MAIN:
            with pytest.raises(NOT_THERE):
                await self.do(act)
        else:
            self.keyed.append((act, self.add(end, await self.do(act), draft.content)))

    async def several(self) -> None:
        """Many answers to one message at once, by several workers."""
        parent = self.some(self.seen)
        place = parent.address if parent else None
        drafts = [Draft(MessageRole.USER, f"c{next(self.numbers)}", AUTHOR) for _ in range(4)]
        workers = [MessageTree(self.database.db, self.limits) for _ in range(2)]
        conversation = await self.now()
        done = await asyncio.gather(
            *(workers[n % 2].append(conversation, place, draft) for n, draft in enumerate(drafts))
        )
        rows = await workers[0].history(await self.now()).rows([each.address for each in done])
        said = {each.address: draft.content for each, draft in zip(done, drafts, strict=True)}
        for address in sorted(said, key=lambda each: rows[each].sibling_index):
            self.add(parent, address, said[address])

    async def retry(self) -> None:
        """What was sent before gives the same message, or none where that is removed."""
        if not self.keyed:
            return
        act, leaf = self.keyed[self.data.draw(st.integers(0, len(self.keyed) - 1))]
        if leaf.seen:
            assert await self.do(act) == leaf.address
        else:
            with pytest.raises(NOT_THERE):
                await self.do(act)

    async def delete(self) -> None:
        if leaf := self.some(list(self.leaves.values())):
            await self._change(leaf, lambda tree, conversation: tree.delete(conversation, leaf.address, AUTHOR))
            leaf.tombstone = leaf.tombstone or leaf.seen

    async def remove(self) -> None:
        if leaf := self.some([leaf for leaf in self.leaves.values() if not leaf.removed]):
            await self._change(leaf, lambda tree, conversation: tree.remove(conversation, leaf.address, AUTHOR))
            leaf.removed = leaf.removed or leaf.seen

    async def _change(self, leaf: Leaf, act: Act) -> None:
        if leaf.seen:
            await self.do(act)
        else:
            with pytest.raises(MessageNotFoundError):
                await self.do(act)

    async def restore(self) -> None:
        leaf = self.some([leaf for leaf in self.leaves.values() if leaf.removed or leaf.tombstone])
        if leaf is None:
            return
        place = leaf.address

        def act(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
            return tree.restore(conversation, place)

        hidden = (leaf.parent and not leaf.parent.seen) or (leaf.removed and leaf.final)
        if hidden or (leaf.final and leaf.tombstone and not leaf.removed):
            with pytest.raises((MessageNotFoundError, PurgedError)):
                await self.do(act)
        elif leaf.removed and leaf.tombstone:
            # Once the subtree is back, a retry brings the message itself back, too.
            await MessageTree(self.database.db, self.limits).restore(await self.now(), place)
            leaf.removed = False
        else:
            await self.do(act)
            leaf.tombstone = leaf.removed = False

    async def purge(self) -> None:
        await self.do(lambda tree, _: tree.purge(now() + timedelta(days=1)))
        for leaf in self.leaves.values():
            if leaf.removed or leaf.tombstone:
                leaf.final = True
            if leaf.tombstone and not leaf.removed:
                leaf.content = None

    async def check(self) -> None:
        """Everything that can be read is as the model says, from the figures to the places among siblings."""
        current = await self.now()
        await check_well_formed(self.database.db, current.id)
        branches = {leaf.address.branch for leaf in self.leaves.values()}
        assert current.message_count == len(self.seen)
        assert current.branch_count == len({MAIN} | {leaf.address.branch for leaf in self.seen})
        history = MessageTree(self.database.db, self.limits).history(current)
        assert set(await history.ends(branches)) == {leaf.address.branch for leaf in self.seen}
        assert set(await history.rows(self.leaves)) == {leaf.address for leaf in self.seen}
        for branch in dict.fromkeys(address.branch for address in self.leaves):
            end = self.end(branch)
            if end is None and branch != MAIN:
                with pytest.raises(BranchNotFoundError):
                    await history.page(branch, Window(first=1))
                continue
            rows = await walk(history, branch, self.data.draw(st.integers(1, 5)))
            path = end.path if end else []
            assert [row.address for row in rows] == [leaf.address for leaf in path]
            for row, leaf in zip(rows, path, strict=True):
                siblings = [each for each in (leaf.parent.children if leaf.parent else self.roots) if not each.removed]
                assert row.message.get("content") == (None if leaf.tombstone else leaf.content)
                assert row.message.get("edited_from") == leaf.edited_from
                assert (row.sibling_index, row.sibling_count) == (siblings.index(leaf), len(siblings))
                shown = await history.siblings(row.parent, row.address.depth, 3, row.gone)
                assert shown == [each.address for each in siblings[:3]]


STEPS = (
    *("append", "append", "edit", "append_at_end", "append_at_end", "several", "retry"),
    *("delete", "remove", "remove", "restore", "restore", "purge"),
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_any_history_gives_what_its_model_has(
    database: Database, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(lineage_module, "FANOUT", data.draw(st.integers(2, 4)))
    limits = TreeLimits(data.draw(st.integers(1, 4)), data.draw(st.sampled_from((1, 900, 5_000))))
    tree = MessageTree(database.db, limits)
    world = World(data, database, limits, await started(tree, limits.bucket_messages))
    for _ in range(data.draw(st.integers(1, 18))):
        await getattr(world, data.draw(st.sampled_from(STEPS)))()
    await world.check()
    await world.purge()
    await world.check()
    gone = {leaf.content for leaf in world.leaves.values() if leaf.content and not leaf.seen}
    buckets = await database.db.buckets.find({"conversation_id": world.conversation.id}).to_list()
    assert not gone & {message.get("content") for bucket in buckets for message in bucket["messages"]}
