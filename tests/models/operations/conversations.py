"""What people do with conversations."""

from asyncio import sleep
from datetime import timedelta
from typing import Any, Final

from beanie import PydanticObjectId

from api.interrupting import Interrupter
from models.answer import AnswerState
from models.answers import Answers
from models.attachments.collecting import Collector
from models.attachments.files import Claim, Files
from models.attachments.watcher import AttachmentWatcher
from models.clock import now
from models.conversation import Conversation
from models.search.indexer import Indexer
from models.search.manifest import Lease
from models.search.removals import IndexWatcher
from models.share import user_grantee
from models.sharing import ends
from models.tree import MAIN, Address, Window
from models.usage.repair import adopt, settle
from models.usage.rollup import Rollup
from permissions.store import PermissionStore
from resolvers.chat.counting import NewsCheck
from resolvers.chat.events import channel
from resolvers.ids import encode, message_address, object_id
from resolvers.live.known import KnownConversations
from tests.api.assistant.conftest import CANCEL, REQUEST
from tests.api.attachments.conftest import Sender
from tests.models.operations.administration import CREATE_ROLE, DELETE_ROLE
from tests.models.operations.world import SAYS, World
from tests.resolvers.chat.documents import EDIT, LIST, START, append, chat, start
from tests.resolvers.chat.test_search import SEARCH
from tests.resolvers.chat.test_sharing import SHARE
from tests.resolvers.chat.test_usage import USAGE
from tests.resolvers.chat.writing import begin, finish, stream

ALL_FIELDS: Final = """query ($id: ID!) { conversation(id: $id) { owner { id } chosenBranch { id }
  branches(first: 5) { edges { node { id messageCount createdAt forkedFrom { id } } } }
  messages(last: 5) { edges { node { author { id } parent { id } siblings { id } branch { id } editedFrom { id } } } }
} }"""
CHOOSE: Final = "mutation ($id: ID!) { chooseBranch(input: {branchId: $id}) { conversation { id } } }"
RENAME: Final = (
    'mutation ($id: ID!) { updateConversation(input: {conversationId: $id, title: "t"}) { conversation { id } } }'
)
DELETE: Final = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
NODES: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"


async def started(world: World) -> None:
    await world.ask(world.alice, START, input={"title": "new"})


async def listed(world: World, **arguments: Any) -> None:
    """As everybody who has a scope of his own, from the start and after a cursor, and as who was there before."""
    await world.served.services.starts.look(world.served.services.database.db)
    for caller in (world.alice, world.admin, world.sara):
        await world.ask(caller, LIST, first=2, **arguments)
        found = await world.ask(caller, LIST, first=2, **arguments)
        cursor = found["conversations"]["pageInfo"]["endCursor"]
        await world.ask(caller, LIST, first=2, after=cursor, **arguments)
        await world.ask(caller, LIST, last=2, before=cursor, **arguments)


async def shared(world: World) -> None:
    """With somebody, who lists and searches it then, and with a role that is deleted; and taken back."""
    root, guest = await world.served.as_("root"), await world.served.as_("guest")
    await world.ask(root, CREATE_ROLE)
    owned, guest_id = await start(root, title="shared"), encode("User", world.served.people["guest"].id)
    for whom in ({"userId": guest_id, "access": "WRITE"}, {"role": "r"}):
        await world.ask(root, SHARE, input={"conversationId": owned, **whom})
    await append(guest, owned, "zebra")
    await world.ask(guest, LIST, first=2)
    await world.ask(guest, SEARCH, text="zebra", first=1)
    await world.ask(root, SHARE, input={"conversationId": owned, "userId": guest_id, "access": "NONE"})
    await world.ask(root, DELETE_ROLE)


async def used(world: World) -> None:
    """Asked by everybody, over one conversation and all, before it is rolled up and after; with a removed message."""
    db = world.served.services.database.db
    stored = Conversation.model_validate(await db.conversations.find_one({"_id": world.stored.id}))
    removed = await world.tree.append(stored, None, SAYS)
    await world.tree.remove(stored, removed.address, None)
    since = now() - timedelta(days=1)
    for _ in range(2):
        for caller in (world.alice, world.admin, world.sara):
            for wanted in ({}, {"conversationId": world.chat}, {"ownerId": world.alice_id, "tagsAny": ["a"]}):
                asked = {"by": ["MODEL", "DAY"], "from": since.isoformat(), "to": now().isoformat(), "filter": wanted}
                await world.ask(caller, USAGE, input=asked)
        await Rollup(db).run()
    await Rollup(db).take([bucket["_id"] async for bucket in db.buckets.find({"conversation_id": world.stored.id})])
    await db.tallies.update_many({"conversation_id": world.stored.id}, {"$unset": {"owner_id": ""}})
    await settle(db, now() + timedelta(days=1))
    await adopt(db)


async def searched(world: World) -> None:
    """The index kept in every way, and asked by everybody, with and without a cursor."""
    await append(world.alice, world.chat, "zebra one")
    await append(world.alice, world.chat, "zebra two")
    db = world.served.services.database.db
    indexer, lease = Indexer(db, fanout=2), Lease(db, "worker")
    assert await lease.take()
    while await indexer.take():
        await indexer.merge()
    for caller in (world.alice, world.admin, world.sara):
        found = await world.ask(caller, SEARCH, text="zebra", first=1)
        if cursor := found["searchMessages"]["pageInfo"]["endCursor"]:
            await world.ask(caller, SEARCH, text="zebra", first=1, after=cursor)
    await world.ask(world.alice, SEARCH, text="zebra", filter={"conversationId": world.chat, "tagsAny": ["a"]})
    watcher = IndexWatcher(db)
    await watcher.purged(world.stored.id, [Address(MAIN, 0)])
    await indexer.forget()
    await indexer.recall()
    await indexer.sweep()
    await lease.give_up()


async def attached(world: World) -> None:
    """Files sent, attached in vain and well, read, settled after a crash, and collected; gone with their messages."""
    sender, db = Sender(world.alice, await start(world.alice)), world.served.services.database.db
    message = await sender.attached()
    await sender.get(message["attachments"][0]["id"])
    assert (await sender.append(await sender.uploaded(), parentId=encode("Message", world.stored.id, "main.0"))).codes
    waiting = await sender.uploaded()
    assert (await sender.append(waiting, "x")).codes
    files, owner_id = Files(db), world.served.people["alice"].id
    claim = Claim(owner_id, PydanticObjectId(), "claim", [object_id(waiting, "Attachment")])
    await files.claim(claim)
    await files.release(claim)
    await files.claim(claim)
    await Collector(db).run(now() + timedelta(seconds=1), claims_before=now() + timedelta(seconds=1))
    watcher, (conversation_id, address) = AttachmentWatcher(db), message_address(message["id"])
    await watcher.purged(conversation_id, [address])
    await watcher.purging(conversation_id, address.branch, address.depth)
    await sender.attached()
    await watcher.conversation_purging(conversation_id)
    await sender.attached()
    await sender.uploaded()


async def seen(world: World) -> None:
    """What is seen, and written, by whom branches are shared with."""
    guest = await world.served.as_("guest")
    own, messages = await chat(world.alice, 3)
    given = {"branchId": messages[0]["branch"]["id"], "userId": encode("User", world.served.people["guest"].id)}
    await world.ask(world.alice, SHARE, input={"conversationId": own, "access": "WRITE", **given})
    await world.ask(guest, ALL_FIELDS, id=own)
    await world.ask(guest, LIST, first=2)
    for wanted in ({}, {"conversationId": own}):
        await world.ask(guest, SEARCH, text="zebra", filter=wanted)
    await world.ask(guest, EDIT, input={"messageId": messages[1]["id"], "content": "new"})
    history = world.tree.history(world.stored, await world.tree.sight(world.stored, [world.tip]))
    await history.page(world.tip, Window(last=20))
    await history.branches(None, 5)


async def followed(world: World) -> None:
    """What workers ask for whoever follows conversations, and lists of them."""
    db, broker = world.served.services.database.db, world.served.services.broker
    async with broker.subscribe(channel(world.stored.id)):
        await NewsCheck(db, broker).run()
    await ends(db, ["role:analyst", user_grantee(world.stored.owner_id)], 1_000)
    known, store = KnownConversations(), PermissionStore()
    stored = [world.stored.id, object_id(world.chat, "Conversation")]
    for each in stored:
        known.follow(each)
    await known.refresh(stored)
    await known.look()
    await store.remember(person.id for person in world.served.people.values())
    await store.ground()


async def streamed(world: World) -> None:
    """Answers that are finished, fall silent, and are deleted in the middle."""
    services = world.served.services
    own = await start(world.alice)
    finished, silent, gone = [await begin(world.alice, own) for _ in range(3)]
    for message in (finished, silent, gone):
        assert (await stream(world.alice, message, 0, "a piece")).data
    assert (await finish(world.alice, finished, 7)).data
    conversation_id, address = message_address(gone["id"])
    stored = await Conversation.get(conversation_id)
    assert stored
    await services.tree.delete(stored, address, None)
    await services.tree.purge(now() + timedelta(days=1))
    interrupter = Interrupter(services.database.db, services.tree, services.texts, services.broker, timedelta(0))
    assert await interrupter.run() == 1


async def answered(world: World) -> None:
    """Answers that are asked for, taken, put back, ended and cancelled; a worker that looks for some."""
    queue = Answers(world.served.services.database.db)
    question = await append(world.alice, await start(world.alice), "x")
    ids = []
    for anew in (False, True):
        await world.ask(world.alice, REQUEST, id=question["id"], again=anew)
        await sleep(0.002)  # the queue's clock has milliseconds
        (id_,) = await queue.due(now(), 5)
        ids.append(id_)
        assert await queue.claim(id_, "w", now())
        assert await queue.hold(id_, "w", begun=True)
        await queue.put_back(id_, "w", now())
        await world.ask(world.alice, CANCEL, id=question["id"])
    request = await queue.find(ids[0])
    assert request
    await queue.withdraw(request)
    await queue.end(ids[0], "w", AnswerState.DONE)
