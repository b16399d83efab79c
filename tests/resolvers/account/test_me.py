"""Who am I? Without a database call where nothing but the id is asked for, and as right as with one."""

import pytest

from models.database import Database
from resolvers.ids import encode
from tests.database_calls import database_calls
from tests.served import Served

BARE = (
    "{ me { id } }",
    "{ me { __typename id } }",
    "{ one: me { id } two: me { name: id } }",
    "query ($no: Boolean = false) { me { id email @include(if: $no) } }",
    "{ me { id ... on User { id } } }",
    "{ me { ...Id } } fragment Id on User { id }",
)


@pytest.mark.parametrize("document", BARE)
async def test_the_id_is_the_callers(served: Served, document: str) -> None:
    alice = await served.as_("alice")
    assert alice.user
    await alice.ask("{ me { id } }")
    shown = encode("User", alice.user.id)
    with database_calls(own=True) as calls:
        data = (await alice.ask(document)).data
    assert {value for me in data.values() for name, value in me.items() if name != "__typename"} == {shown}
    assert len(calls) <= BARE.index(document) // 3


async def test_whatever_else_is_asked_for_is_as_it_is_stored(served: Served, database: Database) -> None:
    alice = await served.as_("alice")
    assert alice.user
    await alice.ask("{ me { id } }")
    await database.db.users.update_one({"_id": alice.user.id}, {"$set": {"display_name": "Alice the Second"}})
    both = "{ me { id } me { displayName } other: me { ... { displayName email } } }"
    data = (await alice.ask(both)).data
    assert data["me"] == {"id": encode("User", alice.user.id), "displayName": "Alice the Second"}
    assert data["other"] == {"displayName": "Alice the Second", "email": alice.user.email}


async def test_who_has_no_live_account_is_told_what_is_stored(served: Served, database: Database) -> None:
    """As nobody has rights for such a one, there is nothing to go by but what is stored."""
    alice = await served.as_("alice")
    assert alice.user
    await database.db.users.update_one({"_id": alice.user.id}, {"$set": {"disabled": True}})
    served.services.permissions._subjects.clear()
    full = (await alice.ask("{ me { id displayName } }")).body
    bare = (await alice.ask("{ me { id } }")).body
    assert bare["data"]["me"] == {"id": full["data"]["me"]["id"]}
    await database.db.users.delete_one({"_id": alice.user.id})
    served.services.permissions._subjects.clear()
    assert (await alice.ask("{ me { id } }")).data == {"me": None}
    assert (await served.nobody.ask("{ me { id } }")).data == {"me": None}
