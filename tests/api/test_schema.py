"""The schema as a whole: guarded everywhere, printed truly."""

from pathlib import Path

import strawberry

from api.schema import build_schema
from permissions.guards import PUBLIC, SignedIn, unguarded

PRINTED = Path(__file__).parents[2] / "api" / "schema.graphql"


def test_every_root_field_is_guarded() -> None:
    assert unguarded(build_schema()) == set()
    assert {"changePassword", "login", "logout", "me", "refreshSession"} == PUBLIC


def test_a_root_field_without_a_guard_would_be_found() -> None:
    def one() -> int:
        return 1

    @strawberry.type
    class Query:
        open_door: int = strawberry.field(resolver=one)
        closed_door: int = strawberry.field(resolver=one, permission_classes=[SignedIn])

    assert unguarded(strawberry.Schema(Query)) == {"openDoor"}


def test_sensitive_fields_say_what_they_need() -> None:
    printed = build_schema().as_str()
    assert "Needs `message:read_metadata`." in printed
    assert "Needs `user:read_email`." in printed


def test_the_printed_schema_is_the_served_one() -> None:
    assert PRINTED.read_text() == build_schema().as_str() + "\n", "run `parley schema > api/schema.graphql`"
