"""Beside GraphQL's answers: files, exports, decisions for services, and what subscribers are told."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, cast

from graphql import GraphQLSchema

from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.ids import encode
from tests.api.attachments.conftest import Sender
from tests.database_calls import database_calls
from tests.isolation.asking import Asker, asker
from tests.isolation.conftest import unlimited
from tests.isolation.documents import operation
from tests.isolation.tenants import World
from tests.isolation.test_twins import Log, absent, log  # noqa: F401 - a fixture
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import append

WHO: Final = ("root", "alice", "bob", "sara", "guest", "carl")
ACCESS: Final = ("evaluation", "evaluations", "search/subject", "search/resource", "search/action")


async def test_files_exports_and_services_tell_what_the_engine_allows(
    world: World,
    graph: GraphQLSchema,
    log: Log,  # noqa: F811
) -> None:
    for who in WHO:
        one = await asker(world, graph, who)
        await one.caller.ask("{ me { id } }")
        await files(one, log)
        headers = {"Authorization": f"Bearer {one.caller.token}"}
        for form in ("parley", "chatgpt"):
            answer = await one.caller.http.get("/export", params={"format": form}, headers=headers)
            assert answer.status_code == 200
            one.told(f"the export as {form}", answer.text)
        for path in ACCESS:
            for user in world.people.values():
                asked = {
                    "subject": {"type": "user", "id": str(user.id)},
                    "action": {"name": "conversation:read"},
                    "resource": {"type": "conversation", "id": str(world.chats["alice"].id)},
                }
                answer = await one.caller.http.post(f"/access/v1/{path}", json=asked, headers=headers)
                assert answer.status_code == (200 if who == "root" else 403)
                one.told(path, answer.text, json.dumps(asked))
        assert not one.leaks


async def files(one: Asker, log: Log) -> None:  # noqa: F811
    """Each file is answered to who may read its message, and to others like none."""
    sender = Sender(one.caller)
    for file, place in one.world.files:
        allowed = one.world.reads_message(place)(one.judge)
        told = []
        for each in (file, absent(one, file)):
            log.clear()
            with database_calls(own=True) as calls:
                answer = await sender.get(each)
            one.told("a file", answer.text + str(dict(answer.headers)), each)
            told.append((answer.status_code, answer.text.replace(each, ""), sorted(calls), list(log)))
        assert told[0][0] == (200 if allowed else 404)
        chat = one.world.places[place].chat
        # In a conversation of which he sees a part, the place of the file is looked at; who may bring a conversation
        # back knows it from the trash, and is not denied it.
        same = 2 if one.world.reads(chat)(one.judge) else 3 if one.world.lists_deleted(chat)(one.judge) else 4
        assert allowed or told[0][:same] == told[1][:same]


async def test_subscribers_are_told_what_the_engine_allows(world: World, graph: GraphQLSchema) -> None:
    alice, fork = await world.served.as_("alice"), world.known["alice"]["end"]
    for who in ("bob", "guest", "carl"):
        one = await asker(world, graph, who)
        access = await world.served.services.permissions.access(Principal(world.people[who].id, new_id()))
        for name, given in (
            ("conversationEvents", {"conversationId": world.chat_id("alice"), "after": "0-0"}),
            ("conversationListEvents", {"after": "0-0"}),
            ("sessionEvents", {}),
            ("permissionEvents", {"after": "0-0"}),
        ):
            asked = operation(graph, "subscription", name)
            on_socket = replace(context(world.served, who, access), socket=True, cutoff=Cutoff())
            stream: Any = await unlimited().subscribe(asked.document, given, context_value=on_socket)
            if not hasattr(stream, "__anext__"):
                one.told(name, json.dumps(stream.errors and [each.formatted for each in stream.errors]), str(given))
                continue
            await told_until(one, name, cast(Any, stream), alice, fork)
        assert not one.leaks


async def told_until(one: Asker, name: str, stream: Any, alice: Any, fork: str) -> None:
    """What he is told, up to a message that he may see, or until nothing comes."""
    async with aclosing(stream) as events:
        await append(alice, one.world.chat_id("alice"), "unheard", parentId=one.world.known["alice"]["m2"])
        await append(alice, one.world.chat_id("alice"), "heard", parentId=fork)
        for _ in range(4):
            try:
                event = await asyncio.wait_for(anext(events), 0.5)
            except (TimeoutError, StopAsyncIteration):
                break
            one.told(name, json.dumps([event.data, [each.formatted for each in event.errors or ()]]))


async def test_an_account_that_one_may_not_list_is_no_cursor(world: World, graph: GraphQLSchema) -> None:
    """Else its place among the others would tell that it is there, and how its address begins."""
    one = await asker(world, graph, "carl")
    told = []
    for user in (world.people["alice"].id, "f" * 24, world.people["bob"].id):
        answer = await one.caller.ask(
            "query ($after: String) { users(after: $after) { edges { cursor } } }", after=encode("User", user)
        )
        told.append(answer.body)
    assert told[0] == told[1]
    assert "errors" not in told[2]
