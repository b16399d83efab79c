"""Types of resources as data."""

from typing import Any

import pytest

from permissions.actions import Action
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import SchemaError
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.resource_type import resource_type
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.schema import ANY, Type
from permissions.engine.snapshot import Conventions, Snapshot
from permissions.engine.values import Kind
from permissions.resources import TYPES, schemas
from tests.permissions.worlds import NOON

SALES = resource_type(
    "sales_data",
    ["read", "write", "delete"],
    {"read_only": ["read"], "read_write": ["read", "write"]},
    {"region": "string", "tags": "list<string>", "total": "double"},
    strategy="priority",
)
KNOWN = Conventions.of([SALES])


def test_a_type_is_made_of_plain_data() -> None:
    assert SALES.attributes == {
        "region": Type(Kind.STRING),
        "tags": Type(Kind.STRING, True),
        "total": Type(Kind.NUMBER),
    }
    assert {str(each) for each in SALES.attributes.values()} == {"string", "list<string>", "number"}
    assert SALES.strategy is ConflictStrategy.PRIORITY


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"name": "Sales"}, "not a name"),
        ({"actions": ["read:own"]}, "not a name"),
        ({"levels": {"full": ["read", "fly"]}}, "level `full` of `page` names unknown actions: fly"),
        ({"levels": {"read": ["read"]}}, "`read` is an action of `page` already"),
        ({"attributes": {"a": "strnig"}}, "attribute `a`: unknown type `strnig`: it is one of string, number"),
        ({"attributes": {"a": "list<list<string>>"}}, "attribute `a`: unknown type"),
        ({"attributes": {"a.b": "string"}}, "not the name of an attribute: `a.b`"),
        ({"context": {"é": "string"}}, "not the name of an attribute"),
        ({"strategy": "louder"}, "unknown strategy `louder`"),
    ],
)
def test_a_type_that_cannot_be_is_refused(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaError, match=reason.replace(".", r"\.")):
        resource_type(**{"name": "page", "actions": ["read"], **data})


def test_a_level_stands_for_its_actions() -> None:
    assert SALES.expand("read_write") == ("sales_data:read", "sales_data:write")
    assert SALES.expand("read") == ("sales_data:read",)
    assert SALES.expand("*") == ("sales_data:read", "sales_data:write", "sales_data:delete")
    assert SALES.expand("fly") == ()


def test_a_grant_of_a_level_grants_its_actions_and_no_other() -> None:
    reading, writing = Grant(Effect.DENY, "sales_data:read_only"), Grant(Effect.ALLOW, "sales_data:read_write")
    snapshot = Snapshot([Role("analyst", grants=(writing,)), Role("blind", grants=(reading,))], conventions=KNOWN)

    def allowed(*held: str) -> list[str]:
        subject = Subject("a", tuple(map(Assignment, held)))
        return [each for each in SALES.expand("*") if snapshot.decide(subject, each, Resource("sales_data"), Env(NOON))]

    assert allowed("analyst") == ["sales_data:read", "sales_data:write"]
    assert allowed("analyst", "blind") == ["sales_data:write"]


def test_built_in_types_have_the_built_in_actions() -> None:
    assert {action for each in TYPES.values() for action in each.expand("*")} == set(Action)


def test_a_schema_tells_the_types_of_what_a_condition_names() -> None:
    (conversation,) = schemas(["conversation:read", "conversation:*"])
    (user,) = schemas(["user:read"])
    (anything,) = schemas(["*"])

    assert conversation.type_of("resource", "owner_id") == Type(Kind.ID)
    assert conversation.type_of("resource", "mood") == anything.type_of("resource", "mood") == ANY
    assert conversation.type_of("user", "clearance") == Type(Kind.NUMBER)
    assert conversation.type_of("user", "clearence") is None
    assert user.type_of("resource", "clearence") is None
    assert user.type_of("env", "session_age") == Type(Kind.NUMBER)
    assert user.type_of("env", "weather") is None
    assert user.type_of("user", "roles") == Type(Kind.STRING, many=True)
