"""What each mutation, and each write in the background, tells: a new one has to say so here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest
from beanie import PydanticObjectId
from strawberry.types.base import get_object_definition

from api.interrupting import Interrupter
from api.schema import build_schema
from models.clock import now
from models.conversation import Conversation
from permissions.audit.events import decoded
from resolvers.chat.counting import NewsCheck
from resolvers.chat.events import channel
from resolvers.chat.list_news import ALL
from resolvers.ids import encode, object_id
from resolvers.live import Delta, Event, RedisBroker, Resync
from tests.resolvers.chat.documents import append, chat, start
from tests.resolvers.chat.writing import begin, finish, following, stream
from tests.served import Caller, Served


@dataclass
class World:
    """Alice's conversation, with two messages and a fork, and one that she is writing."""

    served: Served
    alice: Caller
    conversation: str
    messages: list[dict[str, Any]]
    fork: dict[str, Any]

    async def do(self, mutation: str, input: Mapping[str, Any], fields: str) -> Any:
        name = mutation[0].upper() + mutation[1:]
        document = f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ {fields} }} }}"
        return (await self.alice.ask(document, input=input)).data[mutation]

    @property
    def here(self) -> dict[str, str]:
        return {"conversationId": self.conversation}


Act = Callable[[World], Awaitable[object]]
Told = list[tuple[str, ...]]
"""On the conversation's channel; then `list` with what the lists are told."""
MOVED: Final = ("list", "moved")
CHANGED: Final = ("list", "changed")
NEW: Final = ("list", "new")
GONE: Final = ("list", "gone")


async def _deleted(world: World) -> str:
    last: str = world.messages[1]["id"]
    await world.do("deleteMessage", {"messageId": last}, "messageId")
    return last


async def _restored(world: World) -> object:
    return await world.do("restoreMessage", {"messageId": await _deleted(world)}, "message { id }")


async def _subtree(world: World) -> object:
    it = {"messageId": world.messages[1]["id"], "mode": "SUBTREE"}
    return await world.do("deleteMessage", it, "messageId")


async def _reopened(world: World) -> object:
    await world.do("deleteConversation", world.here, "conversationId")
    return await world.do("restoreConversation", world.here, "conversation { id }")


async def _shared(world: World) -> object:
    him = {**world.here, "userId": encode("User", world.served.people["guest"].id)}
    await world.do("shareConversation", him, "conversation { id }")
    return await world.do("shareConversation", {**him, "access": "NONE"}, "conversation { id }")


async def _written(world: World) -> object:
    message = await begin(world.alice, world.conversation)
    await stream(world.alice, message, 0, "one")
    return await finish(world.alice, message, 3)


async def _chosen(world: World) -> object:
    return await world.do("chooseBranch", {"branchId": world.messages[0]["branch"]["id"]}, "conversation { id }")


async def _copied(world: World) -> object:
    return await world.do("forkConversation", {"branchId": world.messages[0]["branch"]["id"]}, "conversation { id }")


async def _interrupted(world: World) -> object:
    await begin(world.alice, world.conversation)
    services = world.served.services
    interrupter = Interrupter(
        services.database.db, services.tree, services.texts, services.broker, silence=timedelta(seconds=-1)
    )
    return await interrupter.run()


async def _purged(world: World) -> object:
    await _deleted(world)
    return await world.served.services.tree.purge(now() + timedelta(days=1))


TELLING: Final[Mapping[str, tuple[Act, Told]]] = {
    "startConversation": (lambda world: start(world.alice), [NEW]),
    "forkConversation": (_copied, [NEW]),
    "appendMessage": (lambda world: append(world.alice, world.conversation, "more"), [("message",), MOVED]),
    "editMessage": (
        lambda world: world.do("editMessage", {"messageId": world.fork["id"], "content": "x"}, "message { id }"),
        [("message",), MOVED],
    ),
    "beginMessage": (lambda world: begin(world.alice, world.conversation), [("message",), MOVED]),
    "streamMessage, finishMessage": (_written, [("message",), ("piece",), ("changed", "ended"), MOVED]),
    "chooseBranch": (_chosen, [("chosen", "by")]),
    "updateConversation": (
        lambda world: world.do(
            "updateConversation",
            {**world.here, "title": "t", "tags": ["a"], "archived": True, "attributes": {"region": "EMEA"}},
            "conversation { id }",
        ),
        [("conversation",), CHANGED],
    ),
    "shareConversation": (_shared, [("conversation",), ("conversation",), CHANGED, CHANGED]),
    "deleteMessage": (_deleted, [("deleted",), MOVED]),
    "deleteMessage with its subtree": (_subtree, [("deleted",), MOVED]),
    "restoreMessage": (_restored, [("deleted",), ("changed",), MOVED]),
    "deleteConversation": (
        lambda world: world.do("deleteConversation", world.here, "conversationId"),
        [("conversation",), GONE],
    ),
    "restoreConversation": (_reopened, [("conversation",), ("conversation",), GONE, NEW]),
    "(interrupting)": (_interrupted, [("message",), ("changed", "ended"), MOVED]),
    "(purging what was deleted)": (_purged, [("deleted",), MOVED]),  # its words were gone when it was deleted
}
"""Mutations, and in brackets what is written in the background."""

ACCOUNTS: Final = "`sessionEvents`, and `permissionEvents` from the audit log"
RULES: Final = "`permissionEvents` from the audit log; who may see other conversations then is judged anew"
SILENT: Final = {
    **dict.fromkeys(("login", "refreshSession", "logout", "changePassword"), ACCOUNTS),
    **dict.fromkeys(("endSession", "endOtherSessions", "endAllSessions", "revokeTokens"), ACCOUNTS),
    **dict.fromkeys(("createUser", "disableUser", "enableUser", "resetPassword"), RULES),
    **dict.fromkeys(("createServiceAccount", "renewServiceSecret", "rotateSigningKey"), RULES),
    **dict.fromkeys(("createRole", "updateRole", "deleteRole", "assignRole", "endRoleAssignment"), RULES),
    **dict.fromkeys(("putPolicy", "promotePolicy", "putResourceType", "setUserAttributes"), RULES),
    **dict.fromkeys(("registerOperations", "removeOperations"), "not of a conversation: in the audit log"),
    "eraseUser": "no event tells of each: `ResyncRequired`, by the conversation's number, see below",
    **dict.fromkeys(("requestAnswer", "cancelAnswer"), "`MessageChanged`, and the answer's own, see the assistant"),
}
"""Why no event of a conversation or a list tells of them here."""


def test_each_mutation_says_what_it_tells() -> None:
    schema = build_schema()
    assert schema.mutation
    fields = get_object_definition(schema.mutation, strict=True).fields
    every = {schema.config.name_converter.get_graphql_name(field) for field in fields}
    told = {name.split(" ")[0] for key in TELLING for name in key.split(", ") if not name.startswith("(")}
    assert not told & SILENT.keys()
    assert told | SILENT.keys() == every


async def world_of(served: Served) -> World:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 2)
    fork = await append(alice, conversation, "fork", parentId=messages[0]["id"])
    await served.services.broker.pacer.flush()  # what was told so far is out
    return World(served, alice, conversation, messages, fork)


def short(item: Event | Resync) -> tuple[str, ...]:
    assert isinstance(item, Event), item
    if Delta.parse(item.payload):
        return ("piece",)
    note = orjson.loads(item.payload)
    if "moved" not in note:
        return tuple(note)
    was, is_ = (decoded(item.payload.decode())[name] for name in ("was", "is"))
    if was and is_:
        return MOVED if note["moved"] else CHANGED
    return NEW if is_ else GONE


async def test_what_is_written_is_told(served: Served) -> None:
    for name, (act, expected) in TELLING.items():
        world = await world_of(served)
        told, news = await told_of(world, act)
        assert told == expected, name
        numbered = [each for each in told if each[0] in ("message", "changed", "deleted", "conversation")]
        assert news == len(numbered) - (name == "restoreConversation"), name  # nobody follows one that is deleted


async def told_of(world: World, act: Act) -> tuple[Told, int]:
    """What is told of it, and how many changes were counted, each of which is told."""
    broker, id_ = world.served.services.broker, object_id(world.conversation, "Conversation")
    before = await _stored(id_)
    assert await broker.check(channel(id_), before.news)
    async with broker.subscribe(channel(id_)) as news, broker.subscribe(ALL) as lists, asyncio.timeout(20):
        await act(world)
        await broker.pacer.flush()
        for name in (channel(id_), ALL):
            await broker.publish(name, b'{"end":true}')
        told: Told = []
        for feed in (news, lists):
            while (what := short(await anext(feed))) != ("end",):
                if what != MOVED or told[-1:] != [MOVED]:  # once for all that is written within a second
                    told.append(what)
    after = await _stored(id_)
    assert await broker.check(channel(id_), after.news), "each change has the number by which its loss is found"
    return told, after.news - before.news


async def test_who_follows_is_told_to_read_anew_where_an_announcement_died(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of(served)
    services = served.services
    assert isinstance(services.broker, RedisBroker)
    monkeypatch.setattr(services.broker._streams, "_hole_ms", 50)
    check, publish = NewsCheck(services.database.db, services.broker), services.broker.publish

    async def dies(name: str, payload: bytes, **options: Any) -> str:
        raise SystemError("killed")

    async with following(served, "alice", world.conversation) as events:
        await append(world.alice, world.conversation, "heard")
        assert (await anext(events))["message"]["content"] == "heard"
        await check.run()
        monkeypatch.setattr(services.broker, "publish", dies)
        lost = {**world.here, "content": "written, and not told"}
        sent = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }"
        assert (await world.alice.ask(sent, input=lost)).codes == ["INTERNAL_SERVER_ERROR"]
        monkeypatch.setattr(services.broker, "publish", publish)
        coming = asyncio.ensure_future(anext(events))
        while not coming.done():
            await check.run()
            await asyncio.wait({coming}, timeout=0.02)
        assert coming.result()["__typename"] == "ResyncRequired"
        await append(world.alice, world.conversation, "after")
        assert (await anext(events))["message"]["content"] == "after"


async def _stored(id_: PydanticObjectId) -> Conversation:
    found = await Conversation.get(id_)
    assert found
    return found


async def test_who_follows_a_conversation_in_which_somebody_was_erased_is_told_to_read_anew(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of(served)
    services, bob = served.services, served.people["bob"]
    him = {**world.here, "userId": encode("User", bob.id), "access": "WRITE"}
    await world.do("shareConversation", him, "conversation { id }")
    await append(await served.as_("bob"), world.conversation, "bob's")
    assert isinstance(services.broker, RedisBroker)
    monkeypatch.setattr(services.broker._streams, "_hole_ms", 50)
    check = NewsCheck(services.database.db, services.broker)
    async with following(served, "alice", world.conversation) as events:
        await check.run()
        await services.tree.erase_author(object_id(world.conversation, "Conversation"), bob.id)
        coming = asyncio.ensure_future(anext(events))
        while not coming.done():
            await check.run()
            await asyncio.wait({coming}, timeout=0.02)
        assert coming.result()["__typename"] == "ResyncRequired"
