"""Accounts over HTTP: who may, what is told, and what a token is worth afterwards."""

import pytest

from models.role import RoleAssignment
from models.user import User
from permissions.authn.accounts import Accounts
from resolvers.ids import encode
from tests.permissions.authn.conftest import CHEAP, PASSWORD
from tests.served import Caller, Served

ANOTHER = "another password, long enough"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"
CHANGE = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { endedSessions applied } }"
CREATE = "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } oneTimePassword } }"
DISABLE = "mutation ($input: SwitchUserInput!) { disableUser(input: $input) { user { disabled } permissionsToken } }"
ENABLE = "mutation ($input: SwitchUserInput!) { enableUser(input: $input) { user { disabled } } }"
RESET = "mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) { oneTimePassword expiresAt } }"
SERVICE = "mutation ($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) { clientSecret } }"
RENEW = "mutation ($input: RenewServiceSecretInput!) { renewServiceSecret(input: $input) { clientSecret } }"
ME = "{ me { id } }"


@pytest.fixture
async def quick(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Alice and Bob with passwords that are cheap to check."""
    accounts = served.services.authentication.accounts
    monkeypatch.setattr(accounts.passwords, "_hasher", CHEAP)
    for name in ("alice", "bob"):
        await User.get_pymongo_collection().update_one(
            {"_id": served.people[name].id}, {"$set": {"password_hash": CHEAP.hash(PASSWORD)}}
        )
    return served


async def signed_in(served: Served, name: str, password: str = PASSWORD) -> Caller:
    answer = await served.nobody.ask(LOGIN, input={"email": f"{name}@demo.example", "password": password})
    return Caller(served.http, served.people.get(name), answer.data["login"]["accessToken"])


def accounts_of(served: Served) -> Accounts:
    return served.services.authentication.accounts


async def reason(caller: Caller) -> str:
    """Why its token is refused."""
    (error,) = (await caller.ask(ME)).body["errors"]
    assert error["extensions"]["code"] == "TOKEN_REVOKED"
    return str(error["extensions"]["reason"])


async def test_who_changes_his_password_goes_on_here_and_is_cut_off_elsewhere_at_once(quick: Served) -> None:
    here, there = await signed_in(quick, "alice"), await signed_in(quick, "alice")
    answer = await here.ask(CHANGE, input={"currentPassword": PASSWORD, "newPassword": ANOTHER})
    assert answer.data["changePassword"] == {"endedSessions": 1, "applied": True}
    assert (await here.ask(ME)).data["me"] is not None
    assert await reason(there) == "password_changed"
    await signed_in(quick, "alice", ANOTHER)


async def test_a_stolen_token_does_not_change_the_password_nor_guess_it(quick: Served) -> None:
    stolen = await signed_in(quick, "alice")
    codes = [
        (await stolen.ask(CHANGE, input={"currentPassword": f"guess {number}", "newPassword": ANOTHER})).codes
        for number in range(12)
    ]
    assert codes == [["UNAUTHENTICATED"]] * 10 + [["RATE_LIMITED"]] * 2


async def test_whose_password_it_is_is_clear(quick: Served) -> None:
    alice = await signed_in(quick, "alice")
    passwords = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    assert (await alice.ask(CHANGE, input={**passwords, "email": "bob@demo.example"})).codes == ["BAD_USER_INPUT"]
    assert (await quick.nobody.ask(CHANGE, input=passwords)).codes == ["UNAUTHENTICATED"]


async def test_a_new_account_and_one_that_was_reset_get_in_by_choosing_a_password(quick: Served) -> None:
    admin = await quick.as_("admin")
    made = (await admin.ask(CREATE, input={"email": "new@demo.example", "displayName": "New"})).data["createUser"]
    handed = made["oneTimePassword"]
    for _ in range(2):
        refused = await quick.nobody.ask(LOGIN, input={"email": "new@demo.example", "password": handed})
        (error,) = refused.body["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED", "reason": "password_change_required"}
        chosen = {"email": "new@demo.example", "currentPassword": handed, "newPassword": f"{ANOTHER}: {handed}"}
        assert (await quick.nobody.ask(CHANGE, input=chosen)).data["changePassword"]["applied"]
        caller = await signed_in(quick, "new", chosen["newPassword"])
        handed = (await admin.ask(RESET, input={"userId": made["user"]["id"]})).data["resetPassword"]["oneTimePassword"]
        assert await reason(caller) == "password_reset"


async def test_a_closed_account_is_cut_off_at_once_and_may_be_opened_again(quick: Served) -> None:
    admin, bob = await quick.as_("admin"), await signed_in(quick, "bob")
    whom = {"userId": encode("User", quick.people["bob"].id), "reason": "left the company"}
    assert (await admin.ask(DISABLE, input=whom)).data["disableUser"]["user"] == {"disabled": True}
    assert await reason(bob) == "account_disabled"
    refused = await quick.nobody.ask(LOGIN, input={"email": "bob@demo.example", "password": PASSWORD})
    assert refused.body["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert (await admin.ask(ENABLE, input=whom)).data["enableUser"]["user"] == {"disabled": False}
    assert (await (await signed_in(quick, "bob")).ask(ME)).data["me"] is not None
    assert await reason(bob) == "account_disabled"


async def test_too_many_wrong_logins_say_when_to_come_back(quick: Served) -> None:
    wrong = {"email": "alice@demo.example", "password": "wrong"}
    for _ in range(10):
        assert (await quick.nobody.ask(LOGIN, input=wrong)).codes == ["UNAUTHENTICATED"]
    (error,) = (await quick.nobody.ask(LOGIN, input=wrong)).body["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < error["extensions"]["retryAfter"] <= 900


async def test_who_may_not_is_refused_and_learns_nothing_of_who_is_there(quick: Served) -> None:
    """Alice holds no such action; Sara may read accounts, and none of these either; a granted action opens one door."""
    root, bob = encode("User", quick.people["root"].id), encode("User", quick.people["bob"].id)
    nobodys = encode("User", "0" * 24)
    alice, sara, admin = [await quick.as_(name) for name in ("alice", "sara", "admin")]
    for caller in (alice, sara):
        for document in (DISABLE, ENABLE, RESET, RENEW):
            for whom in (root, nobodys):
                assert (await caller.ask(document, input={"userId": whom})).codes == ["FORBIDDEN"]
        assert (await caller.ask(CREATE, input={"email": "x@y.example", "displayName": "x"})).codes == ["FORBIDDEN"]
        assert (await caller.ask(SERVICE, input={"name": "billing"})).codes == ["FORBIDDEN"]
    for document in (DISABLE, RESET):
        answer = await admin.ask(document, input={"userId": root})
        assert answer.codes == ["FORBIDDEN"]
        assert answer.body["errors"][0]["extensions"]["beyond"] == ["*"]
        assert (await admin.ask(document, input={"userId": nobodys})).codes == ["NOT_FOUND"]
        assert (await quick.nobody.ask(document, input={"userId": bob})).codes == ["UNAUTHENTICATED"]
    assert (await admin.ask(RESET, input={"userId": encode("User", admin.user.id) if admin.user else ""})).codes == [
        "BAD_USER_INPUT"
    ]


async def test_a_service_is_made_and_renewed(quick: Served) -> None:
    admin = await quick.as_("admin")
    secret = (await admin.ask(SERVICE, input={"name": "billing"})).data["createServiceAccount"]["clientSecret"]
    form = {"grant_type": "client_credentials", "client_id": "billing"}
    token = (await quick.http.post("/oauth/token", data={**form, "client_secret": secret})).json()["access_token"]
    billing = await User.find_one({"email_key": "billing"})
    assert billing is not None
    renewed = await admin.ask(RENEW, input={"userId": encode("User", billing.id)})
    assert await reason(Caller(quick.http, billing, token)) == "secret_renewed"
    assert (await quick.http.post("/oauth/token", data={**form, "client_secret": secret})).status_code == 401
    now = renewed.data["renewServiceSecret"]["clientSecret"]
    assert (await quick.http.post("/oauth/token", data={**form, "client_secret": now})).status_code == 200
    assert await RoleAssignment.find_one({"user_id": billing.id}) is None
    assert (await admin.ask(SERVICE, input={"name": "Bad Name"})).codes == ["BAD_USER_INPUT"]
