"""Beside GraphQL's answers: files, exports, and decisions for services."""

import json
from typing import Final

from graphql import GraphQLSchema

from resolvers.ids import encode
from tests.api.attachments.conftest import Sender
from tests.database_calls import database_calls
from tests.isolation.asking import Asker, asker
from tests.isolation.tenants import World
from tests.isolation.test_twins import Log, absent, log  # noqa: F401 - a fixture

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
