"""What is seen of a tree of which branches only are shared: what a simple model says, and nothing beside."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from beanie import PydanticObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, CursorError, Draft, History, MessageTree, Sight, TreeLimits, Window
from models.tree import lineage as lineage_module
from models.tree.errors import BranchNotFoundError, MessageNotFoundError
from tests.database_calls import database_calls
from tests.models.tree.conftest import started, unborn
from tests.models.tree.model import walk
from tests.models.tree.trees import nested, planted

NOWHERE = Address("0" * 16, 3)
Parent = Address | None


@dataclass
class Wood:
    """All messages with their parents, in the order in which they were written; and what was removed."""

    parents: dict[Address, Parent] = field(default_factory=dict)
    gone: set[Address] = field(default_factory=set)
    branches: dict[str, None] = field(default_factory=dict)

    def add(self, address: Address, parent: Parent) -> None:
        self.parents[address] = parent
        self.branches[address.branch] = None

    def path(self, address: Parent) -> list[Address]:
        """From the root to there."""
        found: list[Address] = []
        while address is not None:
            found.append(address)
            address = self.parents[address]
        return found[::-1]

    def remove(self, root: Address) -> None:
        self.gone |= {each for each in self.parents if root in self.path(each)}

    def seen(self, shared: Collection[str]) -> list[Address]:
        """What is on the path of a shared branch, and not removed, in the order in which it was written."""
        on_paths = {each for tip in self.parents if tip.branch in shared for each in self.path(tip)}
        return [each for each in self.parents if each in on_paths - self.gone]

    def tips(self, shared: Collection[str]) -> dict[str, Address]:
        """The last message that is seen of each branch."""
        return {each.branch: each for each in sorted(self.seen(shared))}


@dataclass
class World:
    """A tree, its model, and a reader of some branches."""

    tree: MessageTree
    conversation: Conversation
    wood: Wood
    shared: frozenset[str]
    sight: Sight

    @property
    def history(self) -> History:
        return self.tree.history(self.conversation, self.sight)

    @property
    def names(self) -> list[str]:
        return [*self.wood.branches, NOWHERE.branch]


async def grown(database: Database, data: st.DataObject) -> World:
    """Any tree, with any subtrees removed and perhaps purged, of which any branches are shared."""
    tree = MessageTree(database.db, TreeLimits(bucket_messages=data.draw(st.integers(1, 4))))
    conversation, wood = await started(tree, tree.limits.bucket_messages), Wood()
    for number in range(data.draw(st.integers(0, 14))):
        places = [None, *(each for each in wood.parents if each not in wood.gone)]
        parent = data.draw(st.sampled_from(places))
        draft = Draft(MessageRole.USER, f"c{number}", author_id=PydanticObjectId())
        wood.add((await tree.append(await stored(conversation), parent, draft)).address, parent)
        if data.draw(st.integers(0, 7)) == 0:
            root = data.draw(st.sampled_from(list(wood.parents)))
            if root not in wood.gone:
                await tree.remove(await stored(conversation), root, None)
                wood.remove(root)
                if data.draw(st.booleans()):
                    await tree.purge(now() + timedelta(days=1))
    shared = frozenset(data.draw(st.sets(st.sampled_from([MAIN, *wood.branches]), max_size=3)))
    conversation = await stored(conversation)
    return World(tree, conversation, wood, shared, await tree.sight(conversation, shared))


async def stored(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_nothing_but_the_paths_of_shared_branches_is_seen(
    database: Database, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(lineage_module, "FANOUT", data.draw(st.integers(2, 4)))
    world = await grown(database, data)
    await compare_rows(world)
    await compare_branches(world)
    await compare_pages(world, data.draw(st.integers(1, 4)))
    await compare_figures(world)


async def compare_rows(world: World) -> None:
    seen, parents = world.wood.seen(world.shared), world.wood.parents
    rows = await world.history.rows([*parents, NOWHERE])
    assert rows.keys() == set(seen)
    for address, row in rows.items():
        siblings = [each for each in seen if parents[each] == parents[address]]
        told = (row.parent, row.sibling_index, row.sibling_count)
        assert told == (parents[address], siblings.index(address), len(siblings))
        assert await world.history.siblings(row.parent, address.depth, 50, row.gone) == siblings


async def compare_branches(world: World) -> None:
    tips = world.wood.tips(world.shared)
    ends = await world.history.ends(world.names)
    assert {name: end.tip for name, end in ends.items()} == tips
    for end in ends.values():
        assert (end.forked_from, end.first.branch) == (world.wood.parents[end.first], end.branch)
    listed = [name for _, name in await world.history.branches(None, 100)]
    assert [name for name in listed if name in ends] == [name for name in world.wood.branches if name in ends]
    assert set(listed) <= world.sight.branches
    assert set(await world.history.created(world.names)) <= world.sight.branches
    for one in world.names:
        assert await world.history.refuge(one) in {*world.sight.branches, MAIN}
        for other in world.names:
            await compare_difference(world, one, other)


async def compare_difference(world: World, one: str, other: str) -> None:
    tips = world.wood.tips(world.shared)
    if not {one, other} <= world.sight.branches:
        with pytest.raises(BranchNotFoundError):
            await world.history.last_shared(one, other)
    if not {one, other} <= tips.keys():
        return
    paths = [world.wood.path(tips[name]) for name in (one, other)]
    shared = [a for a, b in zip(*paths, strict=False) if a == b]
    assert await world.history.last_shared(one, other) == (shared[-1] if shared else None)


async def compare_pages(world: World, size: int) -> None:
    tips = world.wood.tips(world.shared)
    for name in world.names:
        if name in tips:
            path = world.wood.path(tips[name])
            assert [row.address for row in await walk(world.history, name, size)] == path
            for hidden in {*world.wood.parents, NOWHERE} - set(path):
                for window in (Window(first=1, after=hidden), Window(last=1, before=hidden)):
                    with pytest.raises(CursorError):
                        await world.history.page(name, window)
            await compare_copy(world, name, path)
        elif name == MAIN and MAIN in world.sight.branches:
            assert (await world.history.page(name, Window(first=size))).length == 0
        else:
            with pytest.raises(BranchNotFoundError):
                await world.history.page(name, Window(first=size))


async def compare_copy(world: World, name: str, path: list[Address]) -> None:
    target = unborn(world.tree.limits.bucket_messages)
    assert await world.tree.copy(world.conversation, name, None, target, metadata=world.sight, sight=world.sight)
    assert (await stored(target)).message_count == len(path)


async def compare_figures(world: World) -> None:
    seen = world.wood.seen(world.shared)
    removed = [Address.parse(each.at) for each in world.conversation.removed]
    figures = world.sight.figures(world.conversation.started_at, removed)
    branches = {each.branch for each in seen} | ({MAIN} & world.sight.branches)
    assert (figures.message_count, figures.branch_count) == (len(seen), len(branches))
    rows = await world.history.rows(seen)
    latest = max([world.conversation.started_at, *(row.message["created_at"] for row in rows.values())])
    assert figures.updated_at <= latest


async def test_a_sight_is_one_call_and_two_below_many_forks(tree: MessageTree) -> None:
    for forks, calls_for_it in ((3, 1), (200, 2)):
        conversation = await planted(tree, nested(forks))
        names = [name for _, name in await tree.history(conversation).branches(None, 1_000)]
        with database_calls() as calls:
            await tree.sight(conversation, names[-5:])
        assert len(calls) == calls_for_it


async def test_a_page_for_who_sees_a_branch_costs_no_more_than_for_everybody(tree: MessageTree) -> None:
    conversation = await planted(tree, nested(200))
    tip = conversation.chosen_branch
    sight = await tree.sight(conversation, [tip])
    costs = []
    for history in (tree.history(conversation), tree.history(conversation, sight)):
        with database_calls() as calls:
            page = await history.page(tip, Window(last=100))
            await history.rows([row.address for row in page.rows])
        costs.append(len(calls))
    assert costs[0] == costs[1]
    assert [row.sibling_count for row in page.rows] == [1] * 100


async def test_what_is_written_at_the_end_of_a_shared_branch_is_seen_and_where_others_go_on_is_not(
    tree: MessageTree, conversation: Conversation
) -> None:
    said = [(await tree.append(conversation, None, Draft(MessageRole.USER, "m0"))).address]
    for number in (1, 2):
        said.append((await tree.append(conversation, said[-1], Draft(MessageRole.USER, f"m{number}"))).address)
    fork = (await tree.append(conversation, said[0], Draft(MessageRole.USER, "fork"))).address
    sight = await tree.sight(await stored(conversation), [fork.branch])
    more = (await tree.append(conversation, fork, Draft(MessageRole.USER, "more"))).address
    assert [sight.sees(each) for each in (*said, fork, more)] == [True, False, False, True, True]
    with pytest.raises(MessageNotFoundError):
        await tree.append(conversation, NOWHERE, Draft(MessageRole.USER, "x"))
