"""What is asked over a socket is compiled as over HTTP, and so is each event of a subscription."""

from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from api.compiler.compiled import SIGHTS, Compiled
from api.schema import Schema, build_schema
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.context import Context
from tests.resolvers.admin import test_permission_events as rules
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat import test_list_events as lists
from tests.resolvers.chat.documents import start
from tests.served import Served

ME = "{ me { id } }"
START = 'mutation { startConversation(input: {title: "t"}) { conversation { id title } } }'
TIMES = 5


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[Compiled]:
    """Operations that were left to graphql-core, once for each time."""
    found: list[Compiled] = []
    by_core = Compiled._by_core

    def noted(self: Compiled, *given: Any) -> Any:
        found.append(self)
        return by_core(self, *given)

    monkeypatch.setattr(Compiled, "_by_core", noted)
    return found


async def on_socket(served: Served, name: str) -> Context:
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    return replace(context(served, name, access), socket=True, cutoff=Cutoff())


async def asked(schema: Schema, query: str, asker: Context) -> Any:
    """The one answer."""
    async with aclosing(cast(Any, await schema.stream(query, context_value=asker))) as answers:
        (answer,) = [each async for each in answers]
    return answer


@pytest.mark.parametrize("query", [ME, START])
async def test_an_operation_on_a_socket_is_compiled(served: Served, left: list[Compiled], query: str) -> None:
    schema, asker = build_schema(), await on_socket(served, "alice")
    told = [await asked(schema, query, asker) for _ in range(TIMES)]
    assert [each.errors for each in told] == [None] * TIMES
    assert all(each.data for each in told)
    assert len(left) == SIGHTS - 1


async def test_an_event_of_any_subscription_is_compiled(
    served: Served, left: list[Compiled], monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = build_schema()  # what all tests share may have met these documents already
    for asked_by in (rules, lists):
        monkeypatch.setattr(asked_by, "schema", lambda: unseen)
    root, alice = await served.as_("root"), await served.as_("alice")
    async with rules.watching(served, "root") as events:
        for number in range(TIMES):
            assert (await root.ask(rules.CREATE, name=f"role{number}")).data
        assert [(await anext(events))["__typename"] for _ in range(TIMES)] == ["PermissionChanged"] * TIMES
    watching = [each for each in left if "permissionEvents" in str(each._operation.to_dict())]
    assert len(watching) == SIGHTS - 1
    async with lists.watching(served, "alice") as told:
        for _ in range(TIMES):
            await start(alice)
        assert [(await anext(told))["__typename"] for _ in range(TIMES)] == ["ConversationAppeared"] * TIMES
    assert len([each for each in left if "conversationListEvents" in str(each._operation.to_dict())]) == SIGHTS - 1


async def test_what_is_no_subscription_has_one_answer_and_what_is_not_sound_one_error(served: Served) -> None:
    schema, asker = build_schema(), await on_socket(served, "alice")
    for query, code in (("{ nothing }", "BAD_USER_INPUT"), ("{", "BAD_USER_INPUT"), ("", "BAD_USER_INPUT")):
        answer = await asked(schema, query, asker)
        assert answer.data is None
        assert [each.extensions["code"] for each in answer.errors] == [code]
    answer = await asked(schema, "subscription { sessionEvents { at } }", replace(asker, socket=False, cutoff=None))
    assert [each.extensions["code"] for each in answer.errors] == ["BAD_USER_INPUT"]
    told = [each async for each in cast(Any, await schema.subscribe(ME, context_value=asker))]
    assert [each.errors[0].message for each in told] == ["queries are not allowed"]
    named = cast(Any, await schema.stream(ME, context_value=asker, operation_name="Nothing"))
    assert [each.errors[0].extensions["code"] async for each in named] == ["BAD_USER_INPUT"]


async def test_nothing_is_executed_for_who_is_not_known() -> None:
    schema = build_schema()
    for way in (schema.execute, schema.stream, schema.subscribe):
        with pytest.raises(TypeError, match="isn't known"):
            await way(ME, context_value={"somebody": True})


async def test_where_none_of_several_operations_is_named_nothing_is_said_of_the_first(served: Served) -> None:
    schema, asker = build_schema(), await on_socket(served, "alice")
    text = "subscription A { sessionEvents { at } } query B { me { id } }"
    for _ in range(2):  # once judged, once remembered
        answer = await schema.execute(text, context_value=asker)
        assert [each.extensions and each.extensions["code"] for each in answer.errors or ()] == ["BAD_USER_INPUT"]
    assert (await schema.execute(text, context_value=asker, operation_name="B")).data
