"""me and users, as this or that caller sees them."""

import pytest

from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError
from permissions.authn.registration import NewUser
from permissions.errors import DeniedError
from permissions.guards import unguarded
from resolvers.errors import BadInputError
from resolvers.ids import encode
from tests.permissions.authn.conftest import PASSWORD
from tests.resolvers.account.conftest import World

USERS = """
query ($first: Int, $after: String, $search: String) {
  users(first: $first, after: $after, search: $search) {
    edges { cursor node { id displayName email attributes } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


def names(data: dict[str, dict[str, list[dict[str, dict[str, str]]]]]) -> list[str]:
    """Whom a page shows."""
    return [edge["node"]["displayName"].split()[0].lower() for edge in data["users"]["edges"]]


async def test_nobody_is_null(world: World) -> None:
    answer = await world.ask(None, "{ me { id } }")
    assert answer.errors == []
    assert answer.data == {"me": None}


@pytest.mark.parametrize("refusal", [TokenExpiredError(), TokenRevokedError("logged_out"), UnauthenticatedError()])
async def test_a_refused_proof_is_an_error_and_not_null(world: World, refusal: UnauthenticatedError) -> None:
    assert (await world.ask(refusal, "{ me { id } }")).denials == {"me": type(refusal)}


async def test_everybody_sees_the_whole_of_himself(world: World) -> None:
    answer = await world.ask(
        "alice",
        """{ me { id email displayName attributes sessions { id }
             roleAssignments { id reason window validFrom grantedBy { id } user { displayName }
               role { name priority inherits { name } grants { effect action condition } } } } }""",
    )
    assert answer.errors == []
    me = answer.data["me"]
    assert me["email"] == "alice@demo.example"
    assert me["attributes"] == {"region": "EMEA"}
    (assignment,) = me["roleAssignments"]
    assert assignment["role"]["name"] == "analyst"
    assert assignment["reason"] == "the demo"
    assert assignment["user"] == {"displayName": "Alice Demo"}


async def test_a_role_shows_what_it_inherits_and_grants(world: World) -> None:
    answer = await world.ask(
        "sara", "{ me { roleAssignments { role { inherits { name } grants { effect action condition } } } } }"
    )
    assert answer.errors == []
    role = answer.data["me"]["roleAssignments"][0]["role"]
    assert role["inherits"] == [{"name": "analyst"}]
    assert {"effect": "ALLOW", "action": "user:read", "condition": None} in role["grants"]
    assert any(grant["condition"] and "clearance" in grant["condition"] for grant in role["grants"])


@pytest.mark.parametrize("who", ["alice", "sara", "guest"])
async def test_only_who_may_list_accounts_lists_them(world: World, who: str) -> None:
    assert (await world.ask(who, USERS)).denials == {"users": DeniedError}


async def test_nobody_lists_no_accounts(world: World) -> None:
    assert (await world.ask(None, USERS)).denials == {"users": UnauthenticatedError}


async def test_an_admin_pages_through_the_accounts(world: World) -> None:
    seen: list[str] = []
    after = None
    for _ in range(3):
        answer = await world.ask("admin", USERS, first=2, after=after)
        assert answer.errors == []
        seen += names(answer.data)
        after = answer.data["users"]["pageInfo"]["endCursor"]
    assert seen == ["admin", "alice", "bob", "guest", "sara"]
    assert not answer.data["users"]["pageInfo"]["hasNextPage"]
    assert answer.data["users"]["pageInfo"]["hasPreviousPage"]


async def test_a_page_stays_where_it_is_when_accounts_are_added(world: World) -> None:
    first = await world.ask("admin", USERS, first=2)
    await world.accounts.create_user(NewUser("aaron@demo.example", "Aaron Demo", PASSWORD))
    await world.accounts.create_user(NewUser("anna@demo.example", "Anna Demo", PASSWORD))
    second = await world.ask("admin", USERS, first=2, after=first.data["users"]["pageInfo"]["endCursor"])
    assert names(second.data) == ["anna", "bob"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("a", ["admin", "alice", "zoe"]),
        ("ALICE", ["alice"]),
        (" alice@demo.ex", ["alice"]),
        ("zoë w", ["zoe"]),
        ("adele", ["zoe"]),
        ("@", []),
        ("lice", []),
        (".*", []),
        ("$gt", []),
        ("", ["admin", "alice", "bob", "guest", "sara", "zoe"]),
    ],
)
async def test_search_finds_how_a_name_or_an_address_begins(world: World, search: str, found: list[str]) -> None:
    await world.accounts.create_user(NewUser("adele@demo.example", "Zoë Wood", PASSWORD))
    answer = await world.ask("admin", USERS, search=search)
    assert answer.errors == []
    assert sorted(name.replace("zoë", "zoe") for name in names(answer.data)) == found


async def test_a_search_is_paged_too(world: World) -> None:
    first = await world.ask("admin", USERS, search="a", first=1)
    second = await world.ask("admin", USERS, search="a", first=1, after=first.data["users"]["edges"][0]["cursor"])
    assert names(first.data) + names(second.data) == ["admin", "alice"]
    assert first.data["users"]["pageInfo"]["hasNextPage"]
    assert not second.data["users"]["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 101},
        {"first": -1},
        {"after": "x"},
        {"after": ""},
        {"after": encode("Message", "0" * 24)},
        {"after": encode("User", "0" * 24)},
        {"search": "x" * 101},
        {"search": "\x00"},
        {"search": "\ud800"},
    ],
)
async def test_what_can_not_be_meant_is_refused(world: World, arguments: dict[str, object]) -> None:
    assert (await world.ask("admin", USERS, **arguments)).denials == {"users": BadInputError}


async def test_every_root_field_is_guarded_or_public(world: World) -> None:
    assert unguarded(world.schema) == set()
