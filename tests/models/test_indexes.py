"""Every query that the code can send uses an index, whether there is little data or much."""

from asyncio import gather, sleep
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest
from beanie import PydanticObjectId
from bson import ObjectId
from pymongo import monitoring
from pymongo.asynchronous.database import AsyncDatabase

from api.interrupting import Interrupter
from models.answer import AnswerState
from models.answers import Answers
from models.attachments.collecting import Collector
from models.attachments.files import Claim, Files
from models.attachments.watcher import AttachmentWatcher
from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database, Record
from models.search.indexer import Indexer
from models.search.manifest import Lease
from models.search.removals import IndexWatcher
from models.share import user_grantee
from models.sharing import ends
from models.transfer.exporting import Trees
from models.transfer.importing import conversation_id
from models.tree import MAIN, Address, Draft, History, MessageTree, TreeLimits, Window
from models.tree.turns import Turns
from models.usage.repair import adopt, settle
from models.usage.rollup import Rollup
from permissions.administration import Administration
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.events import Origin, Target
from permissions.audit.retention import cut
from permissions.changes import SYSTEM, PermissionChanges
from permissions.erasure import Eraser
from permissions.store import PermissionStore
from resolvers.chat.counting import NewsCheck
from resolvers.chat.events import channel
from resolvers.ids import encode, message_address, object_id
from resolvers.live.known import KnownConversations
from tests.api.assistant.conftest import CANCEL, REQUEST
from tests.api.attachments.conftest import Sender
from tests.models.commands import Commands
from tests.models.shapes import Shape, by_shape, scans
from tests.models.transfer.parley.trees import exported
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.trees import nested, planted
from tests.resolvers.chat.documents import EDIT, LIST, PAGE, START, append, chat, start
from tests.resolvers.chat.test_search import SEARCH
from tests.resolvers.chat.test_sharing import SHARE
from tests.resolvers.chat.test_streaming import begin, finish, stream
from tests.resolvers.chat.test_usage import USAGE
from tests.served import SECRET, Caller, Served

SENT: Final = Commands()
SENT.on = False
monitoring.register(SENT)  # for every client that is made from now on

WHOLE: Final = {"roles", "policies", "resource_types", "signing_keys", "migrations", "audit_checkpoints"} | {
    "search_manifest",
    "search_removals",
    "erasures",
    "plantings",
    "leases",
    "trusted_documents",
    "trusted_set",
}
"""Read whole: a few documents that administrators write and workers keep in memory; what the index is made of, and
what it is to forget; what is being planted, and who is at work that one should do at a time (the embedded server goes
by `_id` only where nothing else is asked)."""
MUCH: Final = 500
"""Documents that a collection grows by: many times what any query here finds. The embedded server writes and drops them
one by one, in every index."""
SMALL: Final = TreeLimits(bucket_messages=4)


@dataclass
class World:
    """Who asks, and what there is to ask for."""

    served: Served
    alice: Caller
    admin: Caller
    sara: Caller
    chat: str
    messages: list[dict[str, Any]]
    stored: Conversation

    async def ask(self, caller: Caller, document: str, **variables: Any) -> Any:
        """What comes back, without errors."""
        return (await caller.ask(document, **variables)).data

    @property
    def alice_id(self) -> str:
        assert self.alice.user
        return encode("User", self.alice.user.id)

    @property
    def tree(self) -> MessageTree:
        return MessageTree(self.served.services.database.db, SMALL)

    @property
    def history(self) -> History:
        return self.tree.history(self.stored)

    @property
    def tip(self) -> str:
        return self.stored.chosen_branch


SAYS: Final = Draft(MessageRole.USER, "text", author_id=PydanticObjectId())
ALL_FIELDS: Final = """query ($id: ID!) { conversation(id: $id) { owner { id } chosenBranch { id }
  branches(first: 5) { edges { node { id messageCount createdAt forkedFrom { id } } } }
  messages(last: 5) { edges { node { author { id } parent { id } siblings { id } branch { id } editedFrom { id } } } }
} }"""
CHOOSE: Final = "mutation ($id: ID!) { chooseBranch(input: {branchId: $id}) { conversation { id } } }"
RENAME: Final = (
    'mutation ($id: ID!) { updateConversation(input: {conversationId: $id, title: "t"}) { conversation { id } } }'
)
DELETE: Final = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
TRASH: Final = "{ deletedConversations(first: 2) { edges { node { id } } } }"
NODES: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
USERS: Final = """query ($after: String, $search: String) { users(first: 3, after: $after, search: $search) {
  edges { cursor node { email roleAssignments { role { name } grantedBy { id } } } } } }"""
CREATE_ROLE: Final = 'mutation { createRole(input: {name: "r", inherits: ["guest"]}) { permissionsToken } }'
GIVE_ROLE: Final = """mutation ($id: ID!) { assignRole(input: {userId: $id, role: "r"}) { assignment { id } } }"""
END_ROLE: Final = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { assignment { id } } }"
DELETE_ROLE: Final = 'mutation { deleteRole(name: "r", cascade: true) { name } }'
WHO: Final = """query ($at: DateTime, $after: String) { whoHasAccess(action: "sales_data:read", first: 1, at: $at,
  after: $after, resource: {type: "sales_data"}) { edges { cursor node { user { id } } } } }"""
EFFECTIVE: Final = """query ($id: ID!, $at: DateTime) { effectivePermissions(userId: $id, at: $at) { at } }"""
EVENTS: Final = """query ($first: Int, $after: String, $filter: AuditFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    edges { node { at decisionId } } pageInfo { endCursor } } }"""
CREATE_USER: Final = """mutation { createUser(input: {email: "new@demo.example", displayName: "New"}) {
  user { id } } }"""
RESET_PASSWORD: Final = "mutation ($id: ID!) { resetPassword(input: {userId: $id}) { oneTimePassword } }"
DISABLE_USER: Final = "mutation ($id: ID!) { disableUser(input: {userId: $id}) { applied } }"
ENABLE_USER: Final = "mutation ($id: ID!) { enableUser(input: {userId: $id}) { applied } }"
CHANGE_PASSWORD: Final = """mutation ($current: String!) { changePassword(input: {email: "new@demo.example",
  currentPassword: $current, newPassword: "another password, long enough"}) { endedSessions } }"""
LOGIN: Final = """mutation { login(input: {email: "nobody@demo.example", password: "x"}) { expiresIn } }"""


async def started(world: World) -> None:
    await world.ask(world.alice, START, input={"title": "new"})


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


async def erased(world: World) -> None:
    """Somebody who wrote in his own conversation and in another."""
    services, user = world.served.services, world.served.people["guest"]
    await world.tree.append(world.stored, Address(MAIN, 0), replace(SAYS, author_id=user.id))
    await start(await world.served.as_("guest"), title="own")
    office = Administration(services.changes, services.authentication.accounts.credentials, services.audit.write)
    eraser = Eraser(services.database.db, world.tree, office, grace=timedelta(0))
    await eraser.erase(user.id, SYSTEM)
    await eraser.resume()
    await world.tree.delete(world.stored, Address(MAIN, 0), None)


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


async def listed(world: World, **arguments: Any) -> None:
    """As everybody who has a scope of his own, from the start and after a cursor."""
    for caller in (world.alice, world.admin, world.sara):
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


async def found_users(world: World) -> None:
    found = await world.ask(world.admin, USERS)
    await world.ask(world.admin, USERS, after=found["users"]["edges"][0]["cursor"])
    await world.ask(world.admin, USERS, search="a")


async def managed(world: World) -> None:
    """Roles made, given, taken away and deleted; and as they were in the past."""
    root, alice = await world.served.as_("root"), world.served.people["alice"]
    before = now()
    await world.ask(root, CREATE_ROLE)
    given = await world.ask(root, GIVE_ROLE, id=world.alice_id)
    await world.ask(root, END_ROLE, id=given["assignRole"]["assignment"]["id"])
    await world.ask(root, GIVE_ROLE, id=world.alice_id)
    await world.ask(root, DELETE_ROLE)
    changes = PermissionChanges(PermissionStore())
    await changes.set_attributes(alice.id, {"clearance": 3}, SYSTEM)
    store = PermissionStore()
    for moment in (before, now(), None):
        await store.world(moment)
        await store.subject(alice.id, moment)


async def asked_about(world: World) -> None:
    """Who may do what, now and in the past."""
    for at in (None, now().isoformat()):
        found = await world.ask(world.admin, WHO, at=at)
        await world.ask(world.admin, WHO, at=at, after=found["whoHasAccess"]["edges"][0]["cursor"])
        await world.ask(world.admin, EFFECTIVE, id=world.alice_id, at=at)


async def administered(world: World) -> None:
    """Accounts made, closed, opened and renewed; a password changed."""
    root = await world.served.as_("root")
    made = (await world.ask(root, CREATE_USER))["createUser"]
    whom = {"id": made["user"]["id"]}
    for document in (RESET_PASSWORD, DISABLE_USER, ENABLE_USER):
        await world.ask(root, document, **whom)
    handed = (await world.ask(root, RESET_PASSWORD, **whom))["resetPassword"]["oneTimePassword"]
    await world.ask(world.served.nobody, CHANGE_PASSWORD, current=handed)


async def audited(world: World) -> None:
    """The log in every way in which it is searched, walked, checked and cut."""
    await world.served.services.audit.write("test", Origin(), Target("user", world.alice_id))
    await world.alice.ask(EVENTS)
    found = (await world.ask(world.admin, EVENTS, first=1))["auditEvents"]
    cursor, decision = found["pageInfo"]["endCursor"], found["edges"][0]["node"]["decisionId"]
    moment = found["edges"][0]["node"]["at"]
    for wanted in (
        {"actorId": world.alice_id},
        {"kind": "test"},
        {"resourceId": world.alice_id},
        {"decisionId": decision},
        {"from": moment, "until": moment, "effect": "DENY"},
    ):
        await world.ask(world.admin, EVENTS, first=1, filter=wanted)
        await world.ask(world.admin, EVENTS, first=1, after=cursor, filter=wanted)
    await world.served.services.audit.find_decision(decision)
    blocks = Blocks(world.served.services.database.db)
    end = await blocks.search_end()
    assert [block async for block in blocks.walk(0, end.number)]
    await cut(blocks, Sealer(SECRET), world.served.services.audit, timedelta(0))


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


Operation = Callable[[World], Awaitable[Any]]
OPERATIONS: Final[dict[str, Operation]] = {
    "start": started,
    "append at the end": lambda world: append(world.alice, world.chat, "x"),
    "append with a key": lambda world: append(world.alice, world.chat, "x", idempotencyKey="k"),
    "append as another": lambda world: world.tree.append(world.stored, Address(MAIN, 1), SAYS),
    "edit": lambda world: world.ask(world.alice, EDIT, input={"messageId": world.messages[0]["id"], "content": "new"}),
    "fork the first message": forked_root,
    "a crowd": crowded,
    "retry": retried,
    "fill buckets": rolled,
    "choose": chosen,
    "choose over GraphQL": lambda world: world.ask(world.admin, CHOOSE, id=world.messages[0]["branch"]["id"]),
    "page": lambda world: world.ask(world.alice, PAGE, id=world.chat, last=20),
    "page below nested forks": lambda world: world.history.page(world.tip, Window(first=20)),
    "messages by address": read_alone,
    "messages of several conversations": read_together,
    "branches' ends": lambda world: world.history.ends([MAIN, world.tip]),
    "branches": lambda world: world.history.branches(PydanticObjectId(), 20),
    "plant": imported,
    "export and import": transferred,
    "all fields": lambda world: world.ask(world.alice, ALL_FIELDS, id=world.chat),
    "list": listed,
    "list by start": lambda world: listed(world, by="STARTED_ASC"),
    "list by everything": lambda world: listed(
        world, filter={"tagsAny": ["a"], "titleContains": "x", "archived": False}
    ),
    "list of an owner": lambda world: listed(world, filter={"ownerId": world.alice_id}),
    "nodes": lambda world: world.ask(world.alice, NODES, ids=[world.chat, world.alice_id, world.messages[0]["id"]]),
    "me": lambda world: world.ask(world.alice, "{ me { id email sessions { id } roleAssignments { id } } }"),
    "users": found_users,
    "search": searched,
    "usage": used,
    "audit log": audited,
    "permissions": managed,
    "questions about permissions": asked_about,
    "accounts": administered,
    "login": lambda world: world.served.nobody.ask(LOGIN),
    "rename": lambda world: world.ask(world.alice, RENAME, id=world.chat),
    "branches compared and copied": compared,
    "shared": shared,
    "delete": lambda world: world.ask(world.alice, DELETE, id=world.chat),
    "deleted, restored and purged": deleted,
    "swept": swept,
    "attachments": attached,
    "shared branches": seen,
    "streamed": streamed,
    "followed": followed,
    "answered": answered,
    "erased": erased,
}
"""Everything that reads or writes. Who adds a query adds a line here."""


@pytest.fixture
async def world(served: Served) -> World:
    alice, admin, sara = [await served.as_(name) for name in ("alice", "admin", "sara")]
    for number in range(6):
        conversation, messages = await chat(alice, 3 * (number == 5), attributes={"region": "EMEA"})
    tree = MessageTree(served.services.database.db, SMALL)
    stored = await planted(tree, nested(200))
    return World(served, alice, admin, sara, conversation, messages, stored)


async def grow(db: AsyncDatabase[Record], collection: str, number: int) -> None:
    """Add `number` documents like those that are there, each somebody else's."""
    like = await db[collection].find({}).limit(20).to_list()
    more: list[Record] = []
    for count in range(number):
        changed = {name: _other(value, count) for name, value in like[count % len(like)].items()}
        if isinstance(changed["_id"], int):
            changed["_id"] += 1_000 * (count + 1)
        more.append(changed)
    await db[collection].insert_many(more)


def _other(value: Any, count: int) -> Any:
    """Another id, key or name; anything else as it is."""
    if isinstance(value, ObjectId):
        return ObjectId()
    return f"{value} {count}" if isinstance(value, str) else value


async def test_every_query_uses_an_index_on_little_data_and_on_much(world: World) -> None:
    db = world.served.services.database.db
    with sending() as sent:
        for name, operation in OPERATIONS.items():
            before = len(sent.sent)
            await operation(world)
            world.served.services.permissions.forget()
            assert len(sent.sent) > before, f"{name}: sends nothing"
    queries = {key: query for key, query in by_shape(sent.sent).items() if key[0] not in WHOLE}
    assert len(queries) > 25
    assert await found_scans(db, queries) == {}
    for collection in sorted({collection for collection, _ in queries}):
        await grow(db, collection, MUCH)
    assert await found_scans(db, queries) == {}


async def found_scans(db: AsyncDatabase[Record], queries: Mapping[Shape, Record]) -> dict[Shape, str]:
    """Of those, the ones that scan, and how."""
    checked = {key: await scans(db, key[0], query) for key, query in queries.items()}
    return {key: reason for key, reason in checked.items() if reason}


async def test_a_scan_is_seen_as_one(database: Database) -> None:
    await database.db.buckets.insert_many([{"conversation_id": n % 2, "slot": n, "first_depth": 0} for n in range(9)])
    assert await scans(database.db, "buckets", {"conversation_id": 1}) is None
    assert await scans(database.db, "buckets", {"first_depth": 0})
    assert await scans(database.db, "buckets", {"conversation_id": 1, "branch": "main"})


@contextmanager
def sending() -> Iterator[Commands]:
    """What any client sends within the block."""
    SENT.sent.clear()
    SENT.on = True
    try:
        yield SENT
    finally:
        SENT.on = False
