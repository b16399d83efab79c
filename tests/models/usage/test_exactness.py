"""Usage is what a plain recount through the tree comes to: after whatever happened, and wherever a worker died."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from beanie import PydanticObjectId
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.database import Database, Record
from models.tree import MAIN, Address, Draft, MessageTree, Sprout, TreeLimits
from models.tree.errors import BranchNotFoundError, MessageNotFoundError, PurgedError
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import UsageReach
from models.usage.rebuild import rebuild
from models.usage.repair import adopt, settle
from models.usage.rollup import Rollup
from tests.models.tree.conftest import SMALL, started, unborn
from tests.models.tree.faults import Crash, Mortal
from tests.models.usage.recount import ask, everything, readable, recount

BEGAN: Final = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
"""Before the clocks of Europe go forward."""
PEOPLE: Final = (PydanticObjectId(), PydanticObjectId())
MODELS: Final = ("gpt", "$sum", "a.b", "")
TAGS: Final = ("x", "$y", "z.0")
TIMES: Final = (BEGAN, BEGAN + timedelta(hours=2), BEGAN + timedelta(days=30))
ZONES: Final = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns")
NUMBERS: Final = st.sampled_from((None, 0, 1, 1_000, 70_000, 2**31 - 1))
GRANTEE: Final = "user:reader"
Act = Callable[[Any], Awaitable[Any]]


@dataclass
class World:
    """What there is; each act is done by a worker that may die at some write, and then by one that does it."""

    data: st.DataObject
    database: Database
    limits: TreeLimits
    conversations: list[PydanticObjectId] = field(default_factory=list)
    places: list[tuple[PydanticObjectId, Address]] = field(default_factory=list)
    gone: list[tuple[PydanticObjectId, Address]] = field(default_factory=list)
    keys: "count[int]" = field(default_factory=count)

    async def do(self, act: Act, *, again: bool = True) -> Any:
        at = self.data.draw(st.integers(0, 7))
        if at:
            with contextlib.suppress(Crash):
                return await act(cast(Any, Mortal(self.database.db, at)))
            await self.check()  # in the middle of it, too
        return await act(self.database.db) if again or not at else None

    def unborn(self) -> Conversation:
        """Of one of these people."""
        owner = {"owner_id": self.data.draw(st.sampled_from(PEOPLE))}
        made: Conversation = unborn(self.limits.bucket_messages).model_copy(update=owner)
        return made

    async def start(self) -> None:
        conversation = self.unborn()
        await self.tree().start(conversation)
        self.conversations.append(conversation.id)

    def tree(self, db: Any = None) -> MessageTree:
        return MessageTree(self.database.db if db is None else db, self.limits)

    async def some(self) -> Conversation | None:
        ids = self.conversations
        return await Conversation.get(ids[self.data.draw(st.integers(0, len(ids) - 1))])

    def place(self, places: list[tuple[PydanticObjectId, Address]]) -> tuple[PydanticObjectId, Address] | None:
        return places[self.data.draw(st.integers(0, len(places) - 1))] if places else None

    def metadata(self) -> Metadata | None:
        draw = self.data.draw
        return Metadata(
            llm_model=draw(st.sampled_from((None, *MODELS))),
            tokens_in=draw(NUMBERS),
            tokens_out=draw(NUMBERS),
            tokens_used=draw(st.sampled_from((None, None, 5, 2**31 - 1))),
            latency_ms=draw(NUMBERS),
        )

    def draft(self) -> Draft:
        draw = self.data.draw
        apart = timedelta(minutes=draw(st.integers(0, 600)), days=draw(st.sampled_from((0, 0, 0, 400))))
        return Draft(
            draw(st.sampled_from(MessageRole)),
            "said",
            author_id=draw(st.sampled_from((None, *PEOPLE))),
            created_at=BEGAN + apart,
            metadata=self.metadata(),
            idempotency_key=f"{next(self.keys)}",
        )

    async def append(self) -> None:
        conversation = await self.some()
        if conversation is None or conversation.deleted:
            return
        here = [each for each in self.places if each[0] == conversation.id]
        parent, draft = self.place(here), self.draft()
        with contextlib.suppress(MessageNotFoundError):
            for _ in range(self.data.draw(st.integers(1, 4))):
                after = parent[1] if parent else None

                async def act(db: Any, after: Address | None = after, draft: Draft = draft) -> Any:
                    return await self.tree(db).append(conversation, after, draft)

                appended = await self.do(act)
                parent, draft = (conversation.id, appended.address), self.draft()
                self.places.append(parent)

    async def _at(self, places: list[tuple[PydanticObjectId, Address]], name: str) -> None:
        place = self.place(places)
        if place is None:
            return

        async def act(db: Any) -> None:
            conversation = await Conversation.get(place[0])
            if conversation:
                arguments = (conversation, place[1]) if name == "restore" else (conversation, place[1], None)
                await getattr(self.tree(db), name)(*arguments)

        with contextlib.suppress(MessageNotFoundError, PurgedError):
            await self.do(act)
            self.gone.append(place)

    async def delete(self) -> None:
        await self._at(self.places, "delete")

    async def remove(self) -> None:
        await self._at(self.places, "remove")

    async def restore(self) -> None:
        await self._at(self.gone, "restore")

    async def purge(self) -> None:
        await self.do(lambda db: self.tree(db).purge(now() + timedelta(seconds=1)))

    async def copy(self) -> None:
        """From one owner to another, perhaps."""
        source, target = await self.some(), self.unborn()
        if source and not source.deleted:
            with contextlib.suppress(MessageNotFoundError, BranchNotFoundError):
                await self.do(lambda db: self.tree(db).copy(source, MAIN, None, target, metadata=True))
                self.conversations.append(target.id)

    async def share(self) -> None:
        """Or end it."""
        if conversation := await self.some():
            grantees = self.data.draw(st.sampled_from(([], [GRANTEE])))
            await self.database.db.conversations.update_one({"_id": conversation.id}, {"$set": {"grantees": grantees}})

    async def work_as_before(self) -> None:
        """What an older worker left: it doesn't say whose anything is."""
        for name in self.data.draw(st.sampled_from((["tallies"], ["buckets"], ["tallies", "buckets"]))):
            await self.database.db[name].update_many({}, {"$unset": {"owner_id": ""}})

    async def repair(self) -> None:
        await self.do(lambda db: settle(db, now() + timedelta(seconds=1)), again=self.data.draw(st.booleans()))
        await self.do(adopt, again=self.data.draw(st.booleans()))

    async def roll_up(self) -> None:
        """Not to the end, if the worker dies."""
        await self.do(lambda db: Rollup(db).run(), again=self.data.draw(st.booleans()))

    async def rebuild(self) -> None:
        await self.do(rebuild, again=self.data.draw(st.booleans()))

    async def tag(self) -> None:
        if conversation := await self.some():
            await conversation.change({"tags": self.data.draw(st.lists(st.sampled_from(TAGS), max_size=3))})

    async def close(self) -> None:
        """Or open it again."""
        conversation = await self.some()
        if conversation:
            name, arguments = ("reopen", ()) if conversation.deleted else ("close", (None,))
            with contextlib.suppress(PurgedError):
                await self.do(lambda db: getattr(self.tree(db), name)(conversation, *arguments))

    async def erase(self) -> None:
        if conversation := await self.some():
            who = self.data.draw(st.sampled_from(PEOPLE))
            await self.do(lambda db: self.tree(db).erase_author(conversation.id, who))

    async def plant(self) -> None:
        """An import: of a tree with forks, one deleted message in it."""
        conversation, draw = self.unborn(), self.data.draw
        sprouts: list[Sprout] = []
        for number in range(draw(st.integers(1, 6))):
            draft = self.draft()
            parent = None if number == 0 else draw(st.integers(0, number - 1))
            deleted = BEGAN if number == 3 else None
            said = (draft.author_id, draft.status, draft.metadata, deleted)
            sprouts.append(Sprout(parent, draft.role, "planted", draft.created_at or BEGAN, *said))
        await self.do(lambda db: self.tree(db).plant(conversation, sprouts, None))
        self.conversations.append(conversation.id)

    def question(self) -> UsageQuestion:
        draw = self.data.draw
        by = draw(st.lists(st.sampled_from(UsageDimension), unique=True, max_size=3))
        since = draw(st.sampled_from((None, None, BEGAN + timedelta(hours=2))))
        wanted = UsageFilter(
            since=since,
            until=draw(st.sampled_from((None, None, BEGAN + timedelta(hours=7)))),
            conversation_id=draw(st.sampled_from((None, None, *self.conversations))),
            owner_id=draw(st.sampled_from((None, None, None, *PEOPLE))),
            author_id=draw(st.sampled_from((None, None, *PEOPLE))),
            llm_model=draw(st.sampled_from((None, None, None, *MODELS))),
            role=draw(st.sampled_from((None, None, MessageRole.TOOL))),
            tags_any=draw(st.sampled_from((None, None, ["x", "$y"]))),
            tags_all=draw(st.sampled_from((None, None, ["z.0"]))),
        )
        return UsageQuestion(by, ZoneInfo(draw(st.sampled_from(ZONES))), wanted)

    async def check(self) -> None:
        messages = await readable(self.database.db, self.tree())
        recent = UsageQuestion([UsageDimension.OWNER], wanted=UsageFilter(since=self.data.draw(st.sampled_from(TIMES))))
        for question in (UsageQuestion([UsageDimension.DAY]), recent, self.question()):
            reach, reads = self.data.draw(st.sampled_from(READERS))
            may_read = [each for each in messages if reads(each[0])]
            assert await ask(self.database.db, question, reach) == recount(may_read, question)


def reach(*scopes: tuple[Record, Record]) -> UsageReach:
    return UsageReach([where for where, _ in scopes], [equal for _, equal in scopes], [{}], [{}])


def owned(owner: PydanticObjectId) -> tuple[Record, Record]:
    return {"owner_id": {"$eq": owner}}, {"owner_id": owner}


SHARED: Final[tuple[Record, Record]] = ({"grantees": GRANTEE}, {"grantees": GRANTEE})
READERS: Final[Sequence[tuple[UsageReach, Callable[[Conversation], bool]]]] = (
    (everything(), lambda _: True),
    (reach(owned(PEOPLE[0])), lambda each: each.owner_id == PEOPLE[0]),
    (reach(owned(PEOPLE[1]), SHARED), lambda each: each.owner_id == PEOPLE[1] or GRANTEE in each.grantees),
    (reach(SHARED), lambda each: GRANTEE in each.grantees),
)
"""What they may read, as filters; and the same said plainly."""
STEPS: Final = (
    *("append",) * 7,
    *("roll_up",) * 4,
    *("delete", "remove", "remove", "restore", "restore", "purge", "tag", "close", "erase", "plant", "rebuild"),
    *("start", "copy", "copy", "share", "share", "work_as_before", "repair"),
)


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink such histories takes longer than to read them
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_usage_is_what_a_plain_recount_comes_to(database: Database, data: st.DataObject) -> None:
    for name in await database.db.list_collection_names():
        if name != "migrations":
            await database.db[name].delete_many({})
    limits = TreeLimits(data.draw(st.integers(1, 4)), data.draw(st.sampled_from((900, 5_000))))
    world = World(data, database, limits)
    for _ in range(2):
        await world.start()
    for _ in range(data.draw(st.integers(8, 20))):
        await getattr(world, data.draw(st.sampled_from(STEPS)))()
        await world.check()
    await Rollup(database.db).run()
    await settle(database.db, now() + timedelta(seconds=1))
    await adopt(database.db)
    await world.check()
    assert (
        await database.db.tallies.find({"$or": [{"owner_id": None}, {"pending_at": {"$exists": True}}]}).to_list() == []
    )


async def test_the_recount_knows_a_difference_when_there_is_one(database: Database) -> None:
    """The test above can fail: a tally that lacks a message is seen."""
    tree = MessageTree(database.db, SMALL)
    conversation = await started(tree)
    await tree.append(conversation, None, Draft(MessageRole.USER, "said", created_at=BEGAN))
    await Rollup(database.db).run()
    await database.db.tallies.delete_many({})
    question = UsageQuestion()
    assert await ask(database.db, question) != recount(await readable(database.db, tree), question)
