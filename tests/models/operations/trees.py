"""What is done to trees, by their own calls."""

from asyncio import gather
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.transfer.exporting import Trees
from models.transfer.importing import conversation_id
from models.tree import MAIN, Address, MessageTree, Window
from models.tree.turns import Turns
from tests.models.operations.world import SAYS, SMALL, World
from tests.models.transfer.parley.trees import exported
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.trees import nested, planted

TRASH: Final = "{ deletedConversations(first: 2) { edges { node { id } } } }"


async def forked_root(world: World) -> None:
    for _ in range(2):
        await world.tree.append(world.stored, None, SAYS)


async def crowded(world: World) -> None:
    """Two workers at one message: some lose the race for an ordinal."""
    workers = [world.tree, world.tree]
    await gather(*(workers[n % 2].append(world.stored, Address(MAIN, 0), SAYS) for n in range(20)))


async def retried(world: World) -> None:
    draft = replace(SAYS, idempotency_key="k")
    for _ in range(2):
        await world.tree.append(world.stored, Address(MAIN, 0), draft)
        await world.tree.append_at_end(world.stored, MAIN, draft)


async def rolled(world: World) -> None:
    for _ in range(2 * SMALL.bucket_messages):
        await world.tree.append_at_end(world.stored, world.tip, SAYS)


async def chosen(world: World) -> None:
    for user in (world.stored.owner_id, PydanticObjectId()):
        await world.tree.choose(world.stored, user, MAIN)
        await world.tree.chosen(world.stored, user)


async def read_alone(world: World) -> None:
    page = await world.history.page(world.tip, Window(last=20))
    await world.history.rows([row.address for row in page.rows])
    await world.history.siblings(page.rows[0].parent, page.rows[0].address.depth, 20)


async def read_together(world: World) -> None:
    short = [copy_of(world.stored), world.stored.model_copy(update={"message_count": 1})]
    await world.tree.rows([(each, None, [Address(MAIN, 1)]) for each in short])


async def compared(world: World) -> None:
    (_, main), *_, (_, last) = await world.history.branches(None, 500)
    await world.history.last_shared(main, last)
    await world.tree.copy(world.stored, main, None, copy_of(world.stored), metadata=True)
    await world.history.refuge(last)


def copy_of(conversation: Conversation) -> Conversation:
    copy: Conversation = conversation.model_copy(update={"id": PydanticObjectId(), "message_count": 0})
    return copy


async def deleted(world: World) -> None:
    """A message, a subtree and a conversation, each restored once, and purged; the trash."""
    target = copy_of(world.stored)
    await world.tree.copy(world.stored, world.tip, None, target, metadata=True)
    fork = (await world.tree.append(target, Address(MAIN, 1), SAYS)).address
    for address, act in ((Address(MAIN, 3), world.tree.delete), (fork, world.tree.remove)):
        for _ in range(2):
            await act(await again(target), address, None)
            await world.tree.restore(await again(target), address)
        await act(await again(target), address, None)
    later = now() + timedelta(days=1)
    await world.tree.purge(later)
    for _ in range(2):
        await world.tree.close(target, None)
        await world.ask(world.alice, TRASH)
        await world.tree.reopen(target)
    await world.tree.close(target, None)
    await world.tree.purge(later)


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def swept(world: World) -> None:
    """A planting and two forks whose writers died: one before its fork had a name, one after."""
    db = world.served.services.database.db
    works: list[tuple[int, Callable[[MessageTree], Awaitable[object]]]] = [
        (2, lambda tree: tree.copy(world.stored, world.tip, None, copy_of(world.stored), metadata=True)),
        (1, lambda tree: tree.append(world.stored, Address(MAIN, 0), SAYS)),
        (2, lambda tree: tree.append(world.stored, Address(MAIN, 0), SAYS)),
    ]
    for at, work in works:
        with pytest.raises(Crash):
            await work(MessageTree(cast(Any, Mortal(db, at)), SMALL))
    await world.tree.sweep(now() + timedelta(days=1))


async def imported(world: World) -> None:
    await planted(world.tree, nested(3))
    assert not await world.tree.plant(world.stored, [], None)


async def transferred(world: World) -> None:
    """Everybody's trees out, and in again: a second time, after a crash, with lineages that are read again."""
    http, headers = world.alice.http, {"Authorization": f"Bearer {world.alice.token}"}
    assert (await http.get("/export", headers=headers)).is_success
    db = world.served.services.database
    trees = Trees(db.db, SMALL, Turns())
    assert world.stored.id in await trees.listed(None)
    data = await exported(db, [world.stored])
    for _ in range(2):
        assert (await http.post("/import", headers=headers, content=data)).is_success
    copied_id = conversation_id(world.served.people["alice"].id, "parley", str(world.stored.id))
    await db.db.conversations.delete_one({"_id": copied_id})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.tree.sowing.LINEAGES", 1)
        assert (await http.post("/import", headers=headers, content=data)).is_success
