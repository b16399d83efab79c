"""login, refreshSession and logout, as a client sees them."""

import pytest

from permissions.authn.errors import BadCredentialsError, UnauthenticatedError
from permissions.authn.principal import Principal
from resolvers.errors import BadInputError
from tests.permissions.authn.conftest import PASSWORD
from tests.resolvers.account.conftest import World

LOGIN = """
mutation ($email: String!, $password: String!, $device: String) {
  login(input: {email: $email, password: $password, device: $device}) {
    accessToken refreshToken expiresIn user { id email displayName sessions { device current ip } }
  }
}
"""
REFRESH = """
mutation ($token: String) {
  refreshSession(input: {refreshToken: $token}) { accessToken refreshToken user { email } }
}
"""
LOGOUT = "mutation { logout { ended } }"


async def test_a_login_answers_with_a_pair_and_the_account(world: World) -> None:
    answer = await world.ask(None, LOGIN, email="alice@demo.example", password=PASSWORD, device="laptop")
    assert answer.errors == []
    payload = answer.data["login"]
    assert payload["expiresIn"] == 900
    assert payload["user"]["email"] == "alice@demo.example"
    assert payload["user"]["sessions"] == [{"device": "laptop", "current": True, "ip": "192.0.2.7"}]
    token = await world.accounts.tokens.verify(payload["accessToken"])
    assert token.principal.user_id == world.people["alice"].id


@pytest.mark.parametrize("email", ["alice@demo.example", "nobody@demo.example", "", "\x00"])
async def test_every_wrong_login_gets_one_answer(world: World, email: str) -> None:
    answer = await world.ask(None, LOGIN, email=email, password="wrong")
    assert answer.denials == {"login": BadCredentialsError}
    assert answer.errors[0].message == "wrong email or password"


async def test_a_refresh_token_is_swapped_for_one_other(world: World) -> None:
    answer = await world.ask(None, LOGIN, email="alice@demo.example", password=PASSWORD)
    first = answer.data["login"]["refreshToken"]
    renewed = await world.ask(None, REFRESH, token=first)
    assert renewed.errors == []
    assert renewed.data["refreshSession"]["refreshToken"] != first
    assert renewed.data["refreshSession"]["user"]["email"] == "alice@demo.example"
    again = await world.ask(None, REFRESH, token=first)
    assert again.data["refreshSession"]["refreshToken"] == renewed.data["refreshSession"]["refreshToken"]


async def test_a_refresh_without_a_token_says_what_is_missing(world: World) -> None:
    assert (await world.ask(None, REFRESH)).denials == {"refreshSession": BadInputError}
    assert (await world.ask(None, REFRESH, token="x")).denials == {"refreshSession": UnauthenticatedError}


async def test_a_logout_ends_the_session_that_asks(world: World) -> None:
    login = await world.ask(None, LOGIN, email="alice@demo.example", password=PASSWORD)
    token = await world.accounts.tokens.verify(login.data["login"]["accessToken"])
    assert (await world.ask(token.principal, LOGOUT)).data == {"logout": {"ended": True}}
    assert (await world.ask(token.principal, LOGOUT)).data == {"logout": {"ended": False}}
    assert await world.accounts.sessions_of(world.people["alice"].id) == []


async def test_nobody_can_log_out_too(world: World) -> None:
    assert (await world.ask(None, LOGOUT)).data == {"logout": {"ended": False}}


async def test_a_session_is_marked_as_the_one_that_asks(world: World) -> None:
    client = {"email": "alice@demo.example", "password": PASSWORD}
    logins = [await world.ask(None, LOGIN, **client, device=device) for device in ("phone", "laptop")]
    phone = (await world.accounts.tokens.verify(logins[0].data["login"]["accessToken"])).principal
    answer = await world.ask(
        Principal(phone.user_id, phone.session_id),
        "{ me { sessions { id device current createdAt lastUsedAt expiresAt } } }",
    )
    assert answer.errors == []
    assert {each["device"]: each["current"] for each in answer.data["me"]["sessions"]} == {
        "phone": True,
        "laptop": False,
    }
