"""Accounts listed and searched, within what a caller may reach."""

import pytest

from models.clock import now
from models.database import Database
from models.directory import Scopes, list_users, search_users
from models.user import User, email_key, name_key

ALL: Scopes = ({},)
EMEA: Scopes = ({"attributes.region": "EMEA"},)
NONE: Scopes = ()


@pytest.fixture(autouse=True)
async def people(database: Database) -> None:
    """Four of them, in two regions."""
    for email, name, region in (
        ("amy@demo.example", "Amy", "EMEA"),
        ("bo@demo.example", "Amadeus", "US"),
        ("cy@demo.example", "Cyrus", "EMEA"),
        ("am@demo.example", "Dora", "US"),
    ):
        await User(
            email=email,
            email_key=email_key(email),
            display_name=name,
            name_key=name_key(name),
            password_hash="!",
            attributes={"region": region},
            created_at=now(),
        ).insert()


def names(users: list[User]) -> list[str]:
    """Whom was found."""
    return [user.display_name for user in users]


@pytest.mark.parametrize(
    ("reach", "listed"),
    [(ALL, ["Dora", "Amy", "Amadeus", "Cyrus"]), (EMEA, ["Amy", "Cyrus"]), (NONE, [])],
)
async def test_a_list_holds_what_the_caller_may_reach(reach: Scopes, listed: list[str]) -> None:
    assert names(await list_users(None, 10, reach)) == listed


async def test_scopes_are_alternatives() -> None:
    scopes: Scopes = ({"attributes.region": "EMEA"}, {"email_key": "am@demo.example"})
    assert names(await list_users(None, 10, scopes)) == ["Dora", "Amy", "Cyrus"]


@pytest.mark.parametrize(
    ("reach", "addresses", "found"),
    [
        (ALL, ALL, ["Dora", "Amy", "Amadeus"]),
        (EMEA, ALL, ["Amy"]),
        (ALL, EMEA, ["Amy", "Amadeus"]),
        (ALL, NONE, ["Amy", "Amadeus"]),
        (NONE, ALL, []),
    ],
)
async def test_a_hidden_address_is_not_found_by_its_beginning(
    reach: Scopes, addresses: Scopes, found: list[str]
) -> None:
    assert names(await search_users("AM", None, 10, reach, addresses)) == found


@pytest.mark.parametrize("after", [None, "am@demo.example", "amy@demo.example", "bo@demo.example", "zz"])
async def test_pages_of_a_search_are_cut_where_the_last_one_ended(after: str | None) -> None:
    whole = [each for each in await search_users("am", None, 10, ALL, ALL) if each.email_key > (after or "")]
    assert names(await search_users("am", after, 2, ALL, ALL)) == names(whole[:2])
