"""Guards on a small schema: who gets what, and how often the engine is asked."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult as Executed
from graphql import OperationDefinitionNode, parse
from strawberry.types import ExecutionResult

from api.compiler import compile_operation
from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import UnauthenticatedError
from permissions.engine.decision import Decision
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.errors import DeniedError
from permissions.guards import SignedIn, describe, may, unguarded
from tests.permissions.worlds import NOON

COMPILES = True


@dataclass
class Context:
    """The least that guards need."""

    access: Access


def figures(self: "Message") -> str | None:
    return f"metadata of {self.content}"


@strawberry.type
class Message:
    content: str
    conversation: strawberry.Private[str]
    metadata: str | None = strawberry.field(
        resolver=figures, permission_classes=[may(Action.MESSAGE_READ_METADATA)], description="Figures."
    )

    def permission_resource(self) -> Resource:
        return Resource("message", self.conversation)


def fifty() -> list[Message]:
    return [Message(content=str(n), conversation="one") for n in range(50)]


def text() -> str | None:
    return "text"


@strawberry.type
class Query:
    messages: list[Message] = strawberry.field(resolver=fifty, permission_classes=[may(Action.MESSAGE_READ)])
    users: str | None = strawberry.field(resolver=text, permission_classes=[may(Action.USER_LIST)])
    node: str | None = strawberry.field(resolver=text, permission_classes=[SignedIn])
    me: str | None = strawberry.field(resolver=text)


@strawberry.type
class Mutation:
    forgotten: str | None = strawberry.mutation(resolver=text)


async def three() -> AsyncIterator[int]:
    for event in range(3):
        yield event


@strawberry.type
class Subscription:
    events: AsyncIterator[int] = strawberry.subscription(
        resolver=three, permission_classes=[may(Action.CONVERSATION_READ)]
    )


def build_schema() -> strawberry.Schema:
    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)


class CountingSnapshot(Snapshot):
    """Counts what it is asked."""

    asked = 0

    def decide(self, *args: Any, **kwargs: Any) -> Decision:
        self.asked += 1
        return super().decide(*args, **kwargs)


ROLES = (
    Role("reader", grants=(Grant(Effect.ALLOW, "message:*"), Grant(Effect.ALLOW, "conversation:read"))),
    Role("blind", grants=(Grant(Effect.DENY, "message:read_metadata"),)),
)


def access_of(*roles: str, snapshot: Snapshot | None = None) -> Access:
    subject = Subject("john", tuple(Assignment(role) for role in roles))
    return Access(snapshot or Snapshot(ROLES), subject, Env(NOON))


def nobody() -> Access:
    return Access(Snapshot(ROLES), None, Env(NOON))


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "by graphql-core"])
def compiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard is asked the same whoever executes."""
    monkeypatch.setattr("tests.permissions.test_guards.COMPILES", request.param)


async def ask(query: str, access: Access) -> ExecutionResult:
    schema, context = build_schema(), Context(access)
    if COMPILES:
        document = parse(query)
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        compiled = compile_operation(schema, document, operation).now()
        found = compiled.execute(context)
        answer = found if isinstance(found, Executed) else await found
        assert compiled.texts
        return ExecutionResult(data=answer.data, errors=answer.errors)
    result = await schema.execute(query, context_value=context)
    assert isinstance(result, ExecutionResult)
    return result


async def test_an_allowed_caller_gets_every_field() -> None:
    result = await ask("{ messages { metadata } users2: node }", access_of("reader"))

    assert result.errors is None
    assert result.data is not None
    assert result.data["messages"][49] == {"metadata": "metadata of 49"}


async def test_a_denied_field_is_null_with_an_error_at_its_path_that_carries_the_decision() -> None:
    result = await ask("{ messages { content metadata } }", access_of("reader", "blind"))

    assert result.data is not None
    assert result.data["messages"][0] == {"content": "0", "metadata": None}
    assert result.errors is not None
    assert [error.path for error in result.errors][:2] == [["messages", 0, "metadata"], ["messages", 1, "metadata"]]
    denied = result.errors[0].original_error
    assert isinstance(denied, DeniedError)
    assert denied.decision.decided_by == ("role blind: deny message:read_metadata",)
    assert denied.visible, "he may read the conversation"


async def test_a_list_of_objects_is_decided_once_a_resource_and_has_one_decision_id() -> None:
    snapshot = CountingSnapshot(ROLES)
    result = await ask("{ messages { metadata } }", access_of("reader", "blind", snapshot=snapshot))

    assert result.errors is not None
    assert len(result.errors) == 50
    ids = {error.original_error.decision.id for error in result.errors if isinstance(error.original_error, DeniedError)}
    assert len(ids) == 1
    assert snapshot.asked == 2, "the metadata, and whether he may know of the conversation"


async def test_a_root_field_refuses_who_may_do_its_action_to_nothing_at_all() -> None:
    result = await ask("{ users }", access_of("reader"))

    assert result.data == {"users": None}
    assert result.errors is not None
    assert isinstance(result.errors[0].original_error, DeniedError)


async def test_nobody_is_unauthenticated_rather_than_denied() -> None:
    for query in ("{ users }", "{ node }", "{ messages { content } }"):
        result = await ask(query, nobody())
        assert result.errors is not None
        assert isinstance(result.errors[0].original_error, UnauthenticatedError), query


async def test_public_fields_answer_nobody() -> None:
    result = await ask("{ me }", nobody())

    assert result.errors is None


async def test_a_subscription_is_refused_before_it_starts() -> None:
    async def first(access: Access) -> Any:
        stream = await build_schema().subscribe("subscription { events }", context_value=Context(access))
        if isinstance(stream, AsyncIterator):
            return await anext(stream)
        return stream

    allowed = await first(access_of("reader"))
    denied = await first(access_of("blind"))

    assert allowed.data == {"events": 0}
    assert isinstance(denied.errors[0].original_error, DeniedError)


def test_a_root_field_without_guard_is_found() -> None:
    assert unguarded(build_schema()) == {"forgotten"}


def test_the_schema_says_what_a_field_needs() -> None:
    schema = build_schema()
    describe(schema)

    printed = schema.as_str()
    assert "Figures. Needs `message:read_metadata`." in printed
    assert '"""Needs a signed-in caller."""' in printed
    assert '"""Needs `user:list`."""' in printed
