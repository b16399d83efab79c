"""Any tree that can be grown, by any workers at once, against the simplest model of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from beanie import PydanticObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Appended, Draft, MessageTree, Sprout, TreeLimits
from models.tree import lineage as lineage_module
from tests.examples import examples
from tests.models.tree.conftest import started
from tests.models.tree.model import Model, Node, compare, walk
from tests.models.tree.trees import AT, planted
from tests.models.tree.wellformed import check_well_formed

AUTHORS = (PydanticObjectId(), PydanticObjectId())


@dataclass(frozen=True)
class Try:
    """An append to make: after `parent`, or at the end of `branch`."""

    draft: Draft
    parent: Address | None = None
    branch: str | None = None

    async def by(self, worker: MessageTree, conversation: Conversation) -> Appended:
        if self.branch is not None:
            return await worker.append_at_end(conversation, self.branch, self.draft)
        return await worker.append(conversation, self.parent, self.draft)

    def parent_of(self, appended: Appended) -> Address | None:
        """The message that it turned out to answer."""
        if self.branch is None:
            return self.parent
        return Address(self.branch, appended.address.depth - 1) if appended.address.depth else None


@dataclass
class Growth:
    """A conversation that workers append to, and what it should look like."""

    data: st.DataObject
    workers: Sequence[MessageTree]
    conversation: Conversation
    model: Model = field(default_factory=Model)
    kept: list[tuple[Try, Address]] = field(default_factory=list)
    """What was sent with a key, and the message that it gave."""
    numbers: count = field(default_factory=count)  # type: ignore[type-arg]  # a class for the checker only

    def wish(self) -> Try:
        """Something to append."""
        draw, number = self.data.draw, next(self.numbers)
        content = f"c{number} " + "x" * draw(st.sampled_from((0, 10, 700)))
        key = f"k{number}" if draw(st.booleans()) else None
        draft = Draft(MessageRole.USER, content, author_id=draw(st.sampled_from(AUTHORS)), idempotency_key=key)
        places: list[Address | None] = [None, *sorted(self.model.nodes)]
        place = draw(st.sampled_from(places))
        if draw(st.booleans()):
            return Try(draft, branch=place.branch if place else MAIN)
        return Try(draft, parent=place)

    async def step(self) -> None:
        """One append, many at once, or an old one again."""
        kind = self.data.draw(st.sampled_from(("one", "one", "many", "again")))
        if kind == "again" and self.kept:
            await self.again(*self.data.draw(st.sampled_from(self.kept)))
        else:
            wishes = [self.wish() for _ in range(self.data.draw(st.integers(2, 5)) if kind == "many" else 1)]
            twice = [wish for wish in wishes if wish.draft.idempotency_key and self.data.draw(st.booleans())]
            await self.grow([*wishes, *twice])

    async def again(self, wish: Try, address: Address) -> None:
        worker = self.data.draw(st.sampled_from(self.workers))
        appended = await wish.by(worker, self.conversation)
        assert (appended.address, appended.fresh) == (address, False)

    async def grow(self, wishes: Sequence[Try]) -> None:
        """All of them at once, by workers in turn."""
        workers = [self.workers[n % len(self.workers)] for n in range(len(wishes))]
        done = await asyncio.gather(
            *(wish.by(worker, self.conversation) for wish, worker in zip(wishes, workers, strict=True))
        )
        given = {each.address: (wish, each) for wish, each in zip(wishes, done, strict=True)}
        assert len(given) == len({wish.draft.content for wish in wishes})
        # Which of them came first is known by their numbers only.
        rows = await self.workers[0].history(await stored(self.conversation)).rows(given)
        for address in sorted(given, key=lambda each: (each.depth, rows[each].sibling_index)):
            wish, appended = given[address]
            self.model.add(wish.parent_of(appended), address, wish.draft.content)
            if wish.draft.idempotency_key:
                self.kept.append((wish, address))

    def sprouts(self) -> list[Sprout]:
        """The same tree, to plant."""
        found: list[Sprout] = []
        waiting: list[tuple[Node, int | None]] = [(node, None) for node in reversed(self.model.root.children)]
        while waiting:
            node, parent = waiting.pop()
            waiting += [(child, len(found)) for child in reversed(node.children)]
            found.append(Sprout(parent, MessageRole.USER, node.content, AT))
        return found


async def stored(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def paths(database: Database, tree: MessageTree, conversation: Conversation) -> set[tuple[object, ...]]:
    """Each branch's path, by what a reader sees of it."""
    branches = await database.db.branches.distinct("branch", {"conversation_id": conversation.id})
    history = tree.history(conversation)
    walks = [await walk(history, branch, 11) for branch in branches]
    return {tuple((row.message["content"], row.sibling_index, row.sibling_count) for row in rows) for rows in walks}


@settings(
    max_examples=examples(24),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_any_growth_gives_the_tree_that_its_model_has(
    database: Database, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    monkeypatch.setattr(lineage_module, "FANOUT", data.draw(st.integers(2, 4)))
    limits = TreeLimits(data.draw(st.integers(1, 5)), data.draw(st.sampled_from((1, 500, 1_500))))
    workers = [MessageTree(database.db, limits) for _ in range(data.draw(st.integers(1, 3)))]
    growth = Growth(data, workers, await started(workers[0], limits.bucket_messages))
    for _ in range(data.draw(st.integers(1, 14))):
        await growth.step()
    now = await stored(growth.conversation)
    await check_well_formed(database.db, now.id)
    await compare(workers[-1], now, growth.model, data.draw(st.integers(1, 6)))
    assert now.message_count == len(growth.model.nodes)
    assert now.branch_count == await database.db.branches.count_documents({"conversation_id": now.id})
    twin = await planted(workers[0], growth.sprouts())
    await check_well_formed(database.db, twin.id)
    assert (twin.message_count, twin.branch_count, twin.root_forks) == (
        now.message_count,
        now.branch_count,
        now.root_forks,
    )
    assert await paths(database, workers[0], twin) == await paths(database, workers[0], now)
