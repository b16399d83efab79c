"""Forgetting somebody: whatever crashes, nothing of his is left, and the report is right."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.lease import lease
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits
from models.user import User
from permissions.administration import Administration
from permissions.changes import SYSTEM, Changer
from permissions.erasure import Eraser
from permissions.errors import EscalationError, InvalidChangeError
from resolvers.ids import encode, object_id
from tests.models.tree.faults import Crash, Mortal
from tests.resolvers.chat.documents import append, chat
from tests.resolvers.chat.test_sharing import share, user_id
from tests.served import Served

ERASE = """mutation ($id: ID!) { eraseUser(input: {userId: $id}) {
  report { doneAt conversations messages sessions roleAssignments kept } } }"""
REPORT = "query ($id: ID!) { erasure(userId: $id) { doneAt conversations messages } }"
PATH = """query ($id: ID!) { conversation(id: $id) { messages { edges { node {
  content deletedAt author { displayName } } } } } }"""
ME = "{ me { id } }"


def eraser(served: Served, db: Any = None) -> Eraser:
    services = served.services
    found = db or services.database.db
    office = Administration(services.changes, services.authentication.accounts.credentials, services.audit.write)
    return Eraser(found, MessageTree(found, TreeLimits()), office, grace=timedelta(0))


@pytest.fixture(autouse=True)
async def alone(served: Served) -> AsyncIterator[None]:
    """The worker's own task leaves erasures to the test: two at once may count a message twice."""
    async with AsyncExitStack() as stack:
        while not await stack.enter_async_context(lease(served.services.database.db, "erase")):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
        yield


async def stored(id_: str) -> Conversation:
    found = await Conversation.get(object_id(id_, "Conversation"))
    assert found
    return found


async def written(served: Served) -> tuple[str, User]:
    """Alice's conversation, in which Bob has written twice; and his own."""
    alice, bob = await served.as_("alice"), await served.as_("bob")
    await chat(bob, 3, title="of bob")
    conversation, _ = await chat(alice, 2)
    assert bob.user
    for number in (1, 2):
        draft = Draft(MessageRole.USER, f"words of bob {number}", bob.user.id, idempotency_key=f"secret-{number}")
        await served.services.tree.append_at_end(await stored(conversation), MAIN, draft)
    await append(alice, conversation, "after")
    assert (await share(alice, conversation, userId=user_id(bob), access="WRITE")).data
    return conversation, bob.user


async def everything(served: Served) -> str:
    """All that is stored, but for the log and the history."""
    db = served.services.database.db
    kept = {"audit_blocks", "permission_changes", "erasures", "deletions"}
    names = [name for name in await db.list_collection_names() if name not in kept]
    return str([await db[name].find({}).to_list() for name in names])


async def test_nothing_is_left_of_an_erased_account_and_others_keep_their_tree(served: Served) -> None:
    conversation, bob = await written(served)
    root, alice = await served.as_("root"), await served.as_("alice")
    report = (await root.ask(ERASE, id=encode("User", bob.id))).data["eraseUser"]["report"]
    assert (report["conversations"], report["messages"], report["sessions"]) == (1, 2, 1)
    assert report["roleAssignments"] == 1
    assert len(report["kept"]) == 3
    shown = (await alice.ask(PATH, id=conversation)).data["conversation"]["messages"]["edges"]
    nodes = [edge["node"] for edge in shown]
    assert [node["content"] for node in nodes] == ["m0", "m1", None, None, "after"]
    assert [bool(node["deletedAt"]) for node in nodes] == [False, False, True, True, False]
    assert [node["author"] for node in nodes[2:4]] == [None, None]
    left_over = await stored(conversation)
    assert (left_over.shares, left_over.grantees) == ([], [])
    await eraser(served).resume()
    done = (await root.ask(REPORT, id=encode("User", bob.id))).data["erasure"]
    assert done["doneAt"]
    assert (done["conversations"], done["messages"]) == (1, 2)
    left = await everything(served)
    for trace in ("bob", "secret-1", "Bob"):
        assert trace not in left


async def test_an_erased_account_is_signed_out_and_cant_come_back(served: Served) -> None:
    _, user = await written(served)
    bob, root = await served.as_("bob"), await served.as_("root")
    await root.ask(ERASE, id=encode("User", user.id))
    assert (await bob.ask(ME)).codes in ([], ["TOKEN_REVOKED"])
    assert await served.services.authentication.accounts.sessions_of(user.id) == []


async def test_who_may_erase(served: Served) -> None:
    _, bob = await written(served)
    people = {name: await served.as_(name) for name in ("alice", "sara", "admin", "root")}
    for name in ("alice", "sara"):
        assert (await people[name].ask(ERASE, id=encode("User", bob.id))).codes == ["FORBIDDEN"]
        assert (await people[name].ask(REPORT, id=encode("User", bob.id))).codes == ["FORBIDDEN"]
    assert (await served.nobody.ask(ERASE, id=encode("User", bob.id))).codes == ["UNAUTHENTICATED"]
    root = people["root"].user
    admin = people["admin"].user
    assert root
    assert admin
    with pytest.raises(EscalationError):
        await eraser(served).erase(root.id, Changer(admin.id))
    with pytest.raises(InvalidChangeError):
        await eraser(served).erase(root.id, Changer(root.id))


async def test_an_erasure_is_completed_whatever_write_it_died_after(served: Served) -> None:
    """Each round erases another copy of Bob; one crash at each write, then whoever finds it goes on."""
    db = served.services.database.db
    alice = served.people["alice"]
    for at in count(1):
        user = await copy_of_bob(served, at)
        conversation = await in_others(served, alice.id, user.id)
        mortal = Mortal(db, at)
        with contextlib.suppress(Crash):
            await eraser(served, cast(Any, mortal)).erase(user.id, SYSTEM)
        # Nobody waits here for the lease of the dead to run out.
        await db.leases.update_many({"_id": {"$regex": "^erase "}}, {"$set": {"until": now()}})
        whole = eraser(served)
        if await db.erasures.find_one({"_id": user.id}) is None:
            await whole.erase(user.id, SYSTEM)
        while (report := await whole.report(user.id)).done_at is None:
            await whole.resume()
        assert (report.conversations, report.messages) == (1, 2)
        rest = await db.buckets.find({"conversation_id": conversation.id}).to_list()
        assert "bob's words" not in str(rest)
        assert str(user.id) not in str(rest)
        assert await db.conversations.find_one({"owner_id": user.id}) is None
        if not mortal.happened:
            return


async def test_two_workers_at_one_erasure_count_nothing_twice(served: Served) -> None:
    """The other one goes on with all of it after this one has counted, and before it has noted that."""
    alice = served.people["alice"]
    user = await copy_of_bob(served, 0)
    for _ in range(2):
        await in_others(served, alice.id, user.id)

    class Overtaken(MessageTree):
        async def count_author(self, *where: PydanticObjectId) -> int:
            number = await super().count_author(*where)
            await eraser(served).resume()
            return number

    slow = replace(eraser(served), tree=Overtaken(served.services.database.db, TreeLimits()))
    await slow.erase(user.id, SYSTEM)
    while (report := await slow.report(user.id)).done_at is None:
        await slow.resume()
    assert (report.conversations, report.messages) == (1, 4)


async def copy_of_bob(served: Served, number: int) -> User:
    bob = served.people["bob"]
    user: User = bob.model_copy(
        update={
            "id": PydanticObjectId(),
            "email": f"bob{number}@demo.example",
            "email_key": f"bob{number}@demo.example",
        }
    )
    await user.insert()
    own = await new_conversation(served, user.id)
    await served.services.tree.append(own, None, Draft(MessageRole.USER, "bob's words", user.id))
    return user


async def in_others(served: Served, owner_id: PydanticObjectId, author_id: PydanticObjectId) -> Conversation:
    """A conversation with two messages of that author, and one of its owner after them."""
    tree, conversation = served.services.tree, await new_conversation(served, owner_id)
    said = Draft(MessageRole.USER, "bob's words", author_id)
    place: Address | None = None
    for draft in (said, said, replace(said, content="kept", author_id=owner_id)):
        place = (await tree.append(conversation, place, draft)).address
    return conversation


async def new_conversation(served: Served, owner_id: PydanticObjectId) -> Conversation:
    at = served.people["bob"].created_at
    conversation = Conversation(owner_id=owner_id, started_at=at, updated_at=at, slot_width=2)
    await served.services.tree.start(conversation)
    return conversation
