"""What is done to others' accounts: by whom, to whom, and what is written down of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.clock import now
from models.database import Database
from models.policy import Policy
from models.role import GrantEffect, RoleAssignment
from models.user import User
from permissions.administration import Administration
from permissions.audit.events import Origin
from permissions.audit.log import AuditLog
from permissions.authn.accounts import Accounts
from permissions.authn.errors import (
    BadCredentialsError,
    DisplayNameError,
    EmailTakenError,
    PasswordChangeRequiredError,
    ServiceNameError,
    TokenRevokedError,
)
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client
from permissions.authn.services import ServiceAccounts
from permissions.changes import SYSTEM, Changer, PermissionChanges
from permissions.errors import EscalationError, InvalidChangeError, LastSuperAdminError, OutlastedError, UnknownError
from permissions.store import PermissionStore
from tests.permissions.audit.checked import stored
from tests.permissions.authn.conftest import CHEAP, PASSWORD, SECRET, new_worker
from tests.permissions.people import by, give, given, person, role
from tests.seeds import Seeds, demo_rules

HOME = Client("192.0.2.7", "Firefox")
ANOTHER = "another password, long enough"


@dataclass(frozen=True)
class Office:
    """Administrators, and those whom they look after."""

    accounts: Accounts
    changes: PermissionChanges
    does: Administration
    people: dict[str, User]

    def by(self, name: str) -> Changer:
        user = self.people[name]
        return Changer(user.id, Origin(user.id, "a session", "192.0.2.1", "r1"))


@pytest.fixture
async def office(database: Database, redis: Redis, seeds: Seeds, audit: AuditLog) -> AsyncIterator[Office]:
    await seeds.sow(database, demo_rules)
    keys, passwords = KeyRing(SECRET), Passwords(2, CHEAP)
    await keys.ensure()
    accounts = new_worker(redis, keys, passwords)
    changes = PermissionChanges(PermissionStore(), witness=audit.changed)
    people = {}
    for name, roles, attributes in (
        ("root", "super_admin", {}),
        ("admin", "admin", {}),
        ("alice", "analyst", {"region": "EMEA", "clearance": 2}),
        ("john", "analyst guest report_viewer", {"region": "US-West"}),
        ("sara", "senior_analyst", {"region": "EMEA", "clearance": 3}),
    ):
        people[name] = await person(name, attributes)
        await RoleAssignment.insert_many([given(people[name], each) for each in roles.split()])
    await User.get_pymongo_collection().update_many({}, {"$set": {"password_hash": CHEAP.hash(PASSWORD)}})
    yield Office(accounts, changes, Administration(changes, accounts.credentials, audit.write), people)
    passwords.close()


Deed = Callable[[Office, User, Changer], Awaitable[Any]]
TO_SOMEBODY: dict[str, Deed] = {
    "disables": lambda office, user, who: office.does.disable(user.id, who),
    "resets": lambda office, user, who: office.does.reset_password(user.id, who),
}


@pytest.mark.parametrize("deed", TO_SOMEBODY)
async def test_an_admin_does_it_to_whoever_may_do_less(office: Office, deed: str) -> None:
    for whom in ("alice", "john", "sara"):
        await TO_SOMEBODY[deed](office, office.people[whom], office.by("admin"))


@pytest.mark.parametrize("deed", TO_SOMEBODY)
async def test_nobody_does_it_to_whoever_may_do_more(office: Office, deed: str) -> None:
    for who, whom in (("admin", "root"), ("alice", "admin"), ("alice", "sara"), ("sara", "admin")):
        user = office.people[whom]
        with pytest.raises(EscalationError):
            await TO_SOMEBODY[deed](office, user, office.by(who))
        kept = await User.find_one({"_id": user.id})
        assert kept is not None
        assert (kept.disabled, kept.must_change_password) == (False, False)


async def test_a_right_that_hangs_on_attributes_is_not_taken_by_a_reset(office: Office) -> None:
    """The same condition in both roles, and other attributes: as Sara one reads what is near her."""
    near = await person("near", {"region": "US-West", "clearance": 1})
    await give(office.changes, near, "senior_analyst")
    await office.changes.put_role(role("resetter", "user:reset_password", "user:disable"), SYSTEM)
    await give(office.changes, near, "resetter")
    with pytest.raises(EscalationError):
        await office.does.reset_password(office.people["sara"].id, by(near))


async def test_a_role_for_later_counts_too(office: Office) -> None:
    alice = office.people["alice"]
    later = given(alice, "super_admin", valid_from=now() + timedelta(days=30))
    await office.changes.assign(later, SYSTEM)
    for deed in TO_SOMEBODY.values():
        with pytest.raises(EscalationError):
            await deed(office, alice, office.by("admin"))


async def test_nobody_is_there(office: Office) -> None:
    for deed in TO_SOMEBODY.values():
        with pytest.raises(UnknownError):
            await deed(office, User.model_construct(id=PydanticObjectId()), office.by("root"))
    with pytest.raises(UnknownError):
        await office.does.renew_secret(PydanticObjectId(), office.by("root"))


async def test_the_last_super_admin_can_not_be_disabled(office: Office) -> None:
    for who in (office.by("root"), SYSTEM):
        with pytest.raises(LastSuperAdminError):
            await office.does.disable(office.people["root"].id, who)


async def lender(office: Office, until: datetime) -> Changer:
    """Looks after the others until then, and is an analyst for good."""
    stand_in = await person("standin", {"region": "EMEA"})
    await RoleAssignment.insert_many([given(stand_in, "admin", valid_until=until), given(stand_in, "analyst")])
    return by(stand_in)


async def test_who_has_a_right_for_a_time_gets_it_for_no_longer_by_a_reset(office: Office) -> None:
    """Of his own accord he may go on after Friday as an analyst, and as nobody else."""
    friday = now() + timedelta(days=2)
    stand_in = await lender(office, friday)
    await office.does.reset_password(office.people["alice"].id, stand_in)
    with pytest.raises(OutlastedError, match="for longer, or at other hours, than you: `conversation:read`"):
        await office.does.reset_password(office.people["sara"].id, stand_in)
    kept = await User.find_one({"_id": office.people["sara"].id})
    assert kept is not None
    assert not kept.must_change_password


@pytest.mark.parametrize(("hours", "allowed"), [(-1, True), (0, True), (1, False)])
async def test_an_account_whose_roles_end_no_later_is_reset(office: Office, hours: int, allowed: bool) -> None:
    friday = now() + timedelta(days=2)
    stand_in, helper = await lender(office, friday), await person("helper", {})
    await RoleAssignment.insert_many([given(helper, "data_scientist", valid_until=friday + timedelta(hours=hours))])
    if allowed:
        await office.does.reset_password(helper.id, stand_in)
    else:
        with pytest.raises(OutlastedError):
            await office.does.reset_password(helper.id, stand_in)


async def test_what_an_account_may_by_its_attributes_has_no_end(office: Office) -> None:
    """No role, but a policy for everybody whose clearance is high: a stand-in would have it after Friday."""
    stand_in = await lender(office, now() + timedelta(days=2))
    cleared = Policy(id="cleared", effect=GrantEffect.ALLOW, actions=["report:read"], when="user.clearance >= 9")
    await office.changes.put_policy(cleared, SYSTEM)
    chief = await person("chief", {"clearance": 9})
    with pytest.raises(OutlastedError, match="report:read"):
        await office.does.reset_password(chief.id, stand_in)
    await office.does.reset_password(chief.id, office.by("admin"))


async def test_with_a_stolen_token_nobody_resets_the_password_of_its_account(office: Office) -> None:
    for name in ("root", "admin"):
        with pytest.raises(InvalidChangeError, match="your own"):
            await office.does.reset_password(office.people[name].id, office.by(name))


async def test_a_closed_account_is_shut_at_once_and_may_be_opened_again(office: Office) -> None:
    alice = office.people["alice"]
    signed = await office.accounts.login(alice.email, PASSWORD, HOME)
    await office.does.disable(alice.id, office.by("admin"), "left the company")
    with pytest.raises(BadCredentialsError):
        await office.accounts.login(alice.email, PASSWORD, HOME)
    with pytest.raises(TokenRevokedError):
        await office.accounts.refresh(signed.refresh_token, HOME)
    assert await office.accounts.sessions_of(alice.id) == []

    await office.does.enable(alice.id, office.by("admin"))
    await office.accounts.login(alice.email, PASSWORD, HOME)
    with pytest.raises(TokenRevokedError):
        await office.accounts.refresh(signed.refresh_token, HOME)


async def test_somebody_new_chooses_his_password_first(office: Office) -> None:
    user, handed = await office.does.create_user("new@example.org", "New", office.by("admin"))
    with pytest.raises(PasswordChangeRequiredError):
        await office.accounts.login("new@example.org", handed.password, HOME)
    await office.accounts.credentials.change("new@example.org", handed.password, ANOTHER, HOME)
    assert (await office.accounts.login("new@example.org", ANOTHER, HOME)).user.id == user.id
    assert user.attributes == {}


async def test_a_service_with_another_secret_has_no_use_for_the_old_one_nor_its_tokens(office: Office) -> None:
    services = ServiceAccounts.beside(office.accounts)
    user, secret = await office.does.create_service("billing", office.by("admin"))
    await services.grant("billing", secret, HOME)
    renewed = await office.does.renew_secret(user.id, office.by("admin"))
    assert await office.accounts.sessions_of(user.id) == []
    with pytest.raises(BadCredentialsError):
        await services.grant("billing", secret, HOME)
    await services.grant("billing", renewed, HOME)


async def test_services_and_persons_are_not_mixed_up(office: Office) -> None:
    service, _ = await office.does.create_service("billing", office.by("root"))
    with pytest.raises(InvalidChangeError, match="service"):
        await office.does.reset_password(service.id, office.by("root"))
    with pytest.raises(InvalidChangeError, match="no service"):
        await office.does.renew_secret(office.people["alice"].id, office.by("root"))


async def test_who_may_renew_secrets_gets_no_service_that_may_do_more(office: Office) -> None:
    service, _ = await office.does.create_service("deployer", office.by("root"))
    await give(office.changes, service, "super_admin")
    with pytest.raises(EscalationError):
        await office.does.renew_secret(service.id, office.by("admin"))


async def test_a_name_that_can_not_be_shown_makes_no_account(office: Office) -> None:
    for name in ("", " ", "x" * 201, "a\nb", "\ud800", "\x00", "\u202egnp"):
        with pytest.raises(DisplayNameError):
            await office.does.create_user("new@example.org", name, office.by("admin"))


async def test_what_is_taken_is_refused(office: Office) -> None:
    with pytest.raises(EmailTakenError):
        await office.does.create_user("ALICE@example.org", "Another", office.by("admin"))
    await office.does.create_service("billing", office.by("admin"))
    with pytest.raises(ServiceNameError):
        await office.does.create_service("billing", office.by("admin"))


async def test_all_of_it_is_written_down_with_who_did_it_and_from_where(office: Office, database: Database) -> None:
    before = len(await stored(database))
    admin = office.by("admin")
    user, handed = await office.does.create_user("new@example.org", "New", admin)
    service, secret = await office.does.create_service("billing", admin)
    renewed = await office.does.renew_secret(service.id, admin)
    again = await office.does.reset_password(user.id, admin)
    await office.does.disable(user.id, admin, "left the company")
    await office.does.enable(user.id, admin)

    records = (await stored(database))[before:]
    assert [(each.kind, each.resource_id) for each in records] == [
        ("account.created", str(user.id)),
        ("service.created", str(service.id)),
        ("service.secret_renewed", str(service.id)),
        ("account.password_reset", str(user.id)),
        ("user.changed", str(user.id)),
        ("user.changed", str(user.id)),
    ]
    assert {(each.by, each.ip, each.session) for each in records} == {(str(admin.user_id), "192.0.2.1", "a session")}
    assert records[4].reason == "left the company"
    text = repr(records)
    assert not any(each in text for each in (handed.password, again.password, secret, renewed))
