"""The case study's Question 2.2, tokens or sessions: what is asked of the choice, and how the hybrid answers.

How many sign in at once, and for how long sessions last, stand in `tests/permissions/authn/test_refresh.py` and in
the README's figures.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx
import jwt
import pytest

from models.clock import now
from models.database import Database
from models.role import RoleAssignment
from models.user import User
from permissions.authn.errors import AuthnUnavailableError, TokenExpiredError
from permissions.authn.principal import Principal
from permissions.authn.registration import NewUser
from permissions.authn.sessions import Sessions
from permissions.authn.tokens import Tokens
from resolvers.ids import encode
from tests.api.test_propagation import seconds_until
from tests.permissions.audit.checked import stored
from tests.served import Served

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
LOGIN = """mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken expiresIn } }"""
REFRESH = "mutation ($old: String) { refreshSession(input: {refreshToken: $old}) { accessToken refreshToken } }"
ME = "{ me { email sessions { id device current } } }"
USERS = "{ users(first: 1) { edges { cursor } } }"
ASSIGN = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { assignment { id } } }"
UNASSIGN = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { permissionsToken } }"


class SignInAgainError(Exception):
    """The app shows its login page, and `reason` on it."""


class LostError(Exception):
    """The server has answered, and the answer did not arrive."""


@dataclass
class App:
    """A mobile app: refreshes by itself, one refresh at a time, and knows what each refusal means."""

    http: httpx.AsyncClient
    access: str = ""
    refresh: str = ""
    lost: int = 0
    """How many answers to refreshes get lost from now on."""
    refreshes: int = 0
    _renewal: asyncio.Task[None] | None = None
    _log: list[str] = field(default_factory=list)

    @classmethod
    async def login(cls, http: httpx.AsyncClient, device: str) -> Self:
        app = cls(http)
        pair = await app._post(LOGIN, input={"email": EMAIL, "password": PASSWORD, "device": device})
        app.access, app.refresh = pair["data"]["login"]["accessToken"], pair["data"]["login"]["refreshToken"]
        return app

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer, whatever has to be done for it. Raise `SignInAgainError`."""
        answer = await self._post(query, self.access, **variables)
        match _refusal(answer):
            case {"code": "TOKEN_EXPIRED"}:
                await self.renew()
                return await self._post(query, self.access, **variables)
            case {"code": "TOKEN_REVOKED", "reason": str(reason)}:
                raise SignInAgainError(reason)
        return answer

    async def renew(self) -> None:
        """Whoever needs it waits for the one refresh that is under way."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        await self._renewal

    async def _renew(self) -> None:
        for _ in range(5):
            try:
                answer = await self._exchange()
            except LostError:  # the same token again: within the leeway it gets the same answer
                continue
            match _refusal(answer):
                case None:
                    pair = answer["data"]["refreshSession"]
                    self.access, self.refresh = pair["accessToken"], pair["refreshToken"]
                    return
                case {"code": "UNAVAILABLE"}:  # nothing is wrong with the tokens: keep them
                    continue
                case {"code": "TOKEN_REVOKED", "reason": str(reason)}:
                    raise SignInAgainError(reason)
                case _:
                    raise SignInAgainError("unknown")
        raise LostError

    async def _exchange(self) -> dict[str, Any]:
        self.refreshes += 1
        answer = await self._post(REFRESH, old=self.refresh)
        if self.lost:
            self.lost -= 1
            raise LostError
        return answer

    async def _post(self, query: str, token: str = "", **variables: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {"query": query, "variables": variables}
        answer: dict[str, Any] = (await self.http.post("/graphql", json=sent, headers=headers)).json()
        return answer


def _refusal(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer["errors"][0]["extensions"] if answer.get("errors") else None


@pytest.fixture
async def ann(served: Served) -> User:
    accounts = served.services.authentication.accounts
    return await accounts.create_user(NewUser(EMAIL, "Ann", PASSWORD))


async def expired(served: Served, app: App) -> None:
    """Have the app hold an access token whose minutes are over."""
    authentication = served.services.authentication
    token = await authentication.accounts.tokens.verify(app.access)
    [session] = [
        each
        for each in await authentication.accounts.sessions_of(token.principal.user_id)
        if each.id == token.principal.session_id
    ]
    tokens = Tokens(authentication.keys, issuer="parley", audience="parley", lifetime=1)
    app.access = tokens.issue(session)
    await seconds_until(lambda: _is_over(tokens, app.access))


async def _is_over(tokens: Tokens, token: str) -> bool:
    try:
        await tokens.verify(token)
    except TokenExpiredError:
        return True
    return False


def elsewhere(served: Served) -> httpx.AsyncClient:
    """A thief's client, who copies the app's own words."""
    transport = httpx.ASGITransport(served.app, client=("198.51.100.9", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://parley.test")


async def test_multi_device_phone_web_and_desktop_are_listed_and_ended_one_by_one(served: Served, ann: User) -> None:
    devices = {name: await App.login(served.http, name) for name in ("phone", "web", "desktop")}
    listed = (await devices["phone"].ask(ME))["data"]["me"]["sessions"]
    assert {each["device"]: each["current"] for each in listed} == {"phone": True, "web": False, "desktop": False}
    web = next(each["id"] for each in listed if each["device"] == "web")
    end = "mutation ($id: ID!) { endSession(input: {sessionId: $id}) { applied } }"
    assert (await devices["phone"].ask(end, id=web))["data"]["endSession"]["applied"]
    with pytest.raises(SignInAgainError, match="session_ended"):
        await devices["web"].ask(ME)
    assert (await devices["desktop"].ask(ME))["data"]["me"]["email"] == EMAIL


async def test_force_logout_counts_at_the_next_request_though_the_token_is_good_for_minutes(
    served: Served, ann: User
) -> None:
    app, admin = await App.login(served.http, "phone"), await served.as_("admin")
    end = "mutation ($id: ID) { endAllSessions(input: {userId: $id}) { count applied } }"
    assert (await admin.ask(end, id=encode("User", ann.id))).data["endAllSessions"] == {"count": 1, "applied": True}
    with pytest.raises(SignInAgainError, match="ended_by_admin"):
        await app.ask(ME)
    with pytest.raises(SignInAgainError, match="ended_by_admin"):
        await app.renew()


async def test_microservices_verify_the_token_by_themselves(served: Served, ann: User) -> None:
    app = await App.login(served.http, "phone")
    keys = jwt.PyJWKSet.from_dict((await served.http.get("/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(app.access)["kid"]]
    claims = jwt.decode(app.access, key.key, algorithms=["EdDSA"], audience="parley", issuer="parley")
    assert claims["sub"] == str(ann.id)
    # Whoever reads it learns no address, and no role that could have changed since.
    assert claims.keys() == {
        *("iss", "aud", "sub", "sid", "jti", "iat", "iat_ms", "nbf", "exp"),
        *("auth_time", "auth_time_ms", "ip", "device"),
    }


async def test_a_role_change_from_analyst_to_admin_counts_at_the_next_request_with_the_same_token(
    served: Served, ann: User
) -> None:
    await RoleAssignment(user_id=ann.id, role="analyst", granted_at=now()).insert()
    app, root = await App.login(served.http, "phone"), await served.as_("root")
    token = app.access
    assert _refusal(await app.ask(USERS)) is not None
    given = await root.ask(ASSIGN, input={"userId": encode("User", ann.id), "role": "admin", "reason": "promoted"})
    assert _refusal(await app.ask(USERS)) is None
    assert app.access == token, "nobody had to refresh or to sign in again"
    await root.ask(UNASSIGN, id=given.data["assignRole"]["assignment"]["id"])
    refused = _refusal(await app.ask(USERS))
    assert refused is not None
    assert refused["code"] == "FORBIDDEN"


async def test_refresh_in_the_mobile_app_is_automatic_and_one_for_all_that_wait(served: Served, ann: User) -> None:
    app = await App.login(served.http, "phone")
    await expired(served, app)
    answers = await asyncio.gather(*(app.ask(ME) for _ in range(5)))
    assert {each["data"]["me"]["email"] for each in answers} == {EMAIL}
    assert app.refreshes == 1


async def test_refresh_flow_when_answers_get_lost(served: Served, ann: User) -> None:
    app = await App.login(served.http, "phone")
    await expired(served, app)
    app.lost = 3
    assert (await app.ask(ME))["data"]["me"]["email"] == EMAIL
    assert app.refreshes == 4
    await app.renew()
    assert (await app.ask(ME))["data"]["me"]["email"] == EMAIL, "the session goes on as if nothing had been"


async def test_refresh_flow_with_each_error_that_can_come(served: Served, ann: User) -> None:
    app = await App.login(served.http, "phone")
    garbage = replace(app, refresh="prt_garbage")
    with pytest.raises(SignInAgainError, match="unknown"):
        await garbage.renew()
    swapped = replace(app, refresh=app.access)
    with pytest.raises(SignInAgainError, match="unknown"):
        await swapped.renew()
    await app.renew()
    await app.ask("mutation { logout { ended } }")
    with pytest.raises(SignInAgainError, match="logged_out"):
        await app.renew()
    closed = await App.login(served.http, "phone")
    await User.get_pymongo_collection().update_one({"_id": ann.id}, {"$set": {"disabled": True}})
    with pytest.raises(SignInAgainError, match="account_disabled"):
        await closed.renew()


async def test_refresh_flow_when_a_store_is_away_costs_nobody_his_session(
    served: Served, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await App.login(served.http, "phone")
    rotate, away = Sessions.rotate, [AuthnUnavailableError("Redis")] * 2

    async def failing(self: Sessions, *args: Any) -> Any:
        if away:
            raise away.pop()
        return await rotate(self, *args)

    monkeypatch.setattr(Sessions, "rotate", failing)
    await app.renew()
    assert app.refreshes == 3
    assert (await app.ask(ME))["data"]["me"]["email"] == EMAIL


async def test_refresh_token_theft_a_replay_ends_the_family_and_its_access_tokens_and_is_written_down(
    served: Served, ann: User, database: Database
) -> None:
    app = await App.login(served.http, "phone")
    stolen = app.refresh
    await app.renew()
    async with elsewhere(served) as http:
        with pytest.raises(SignInAgainError, match="refresh_token_reused"):
            await App(http, refresh=stolen).renew()
    with pytest.raises(SignInAgainError, match="refresh_token_reused"):
        await app.ask(ME)
    with pytest.raises(SignInAgainError, match="refresh_token_reused"):
        await app.renew()
    [record] = [each for each in await stored(database) if each.kind == "refresh_token.reused"]
    assert (record.ip, record.resource_id) == ("198.51.100.9", str(ann.id))


async def test_refresh_token_theft_a_thief_who_is_first_is_found_out_by_the_owner(served: Served, ann: User) -> None:
    app = await App.login(served.http, "phone")
    async with elsewhere(served) as http:
        thief = App(http, refresh=app.refresh)
        await thief.renew()
        assert (await thief.ask(ME))["data"]["me"]["email"] == EMAIL
        with pytest.raises(SignInAgainError, match="refresh_token_reused"):
            await app.renew()
        with pytest.raises(SignInAgainError, match="refresh_token_reused"):
            await thief.ask(ME)
        with pytest.raises(SignInAgainError, match="refresh_token_reused"):
            await thief.renew()


async def test_refresh_token_theft_a_replay_that_is_repeated_makes_one_rule_and_one_record(
    served: Served, ann: User, database: Database
) -> None:
    app = await App.login(served.http, "phone")
    stolen = app.refresh
    await app.renew()
    async with elsewhere(served) as http:
        for _ in range(5):
            with pytest.raises(SignInAgainError):
                await App(http, refresh=stolen).renew()
    assert [each.kind for each in await stored(database)].count("refresh_token.reused") == 1
    assert await database.db.revocation_rules.count_documents({}) == 1


async def test_a_login_from_a_new_device_is_written_down(served: Served, ann: User, database: Database) -> None:
    for device in ("phone", "phone", "laptop"):
        await App.login(served.http, device)
    assert [each.kind for each in await stored(database)].count("login.new_device") == 2


async def test_other_sessions_outlive_the_theft_of_one(served: Served, ann: User) -> None:
    app, other = await App.login(served.http, "phone"), await App.login(served.http, "laptop")
    stolen = app.refresh
    await app.renew()
    async with elsewhere(served) as http:
        with pytest.raises(SignInAgainError):
            await App(http, refresh=stolen).renew()
    assert (await other.ask(ME))["data"]["me"]["email"] == EMAIL
    token = await served.services.authentication.accounts.tokens.verify(other.access)
    assert token.principal == Principal(ann.id, token.principal.session_id)
