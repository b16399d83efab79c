"""What a witness of signing in is told."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest
from beanie import PydanticObjectId

from models.database import Database
from permissions.audit.log import AuditLog
from permissions.audit.witness import AuditWitness
from permissions.authn.accounts import Accounts
from permissions.authn.errors import BadCredentialsError, TokenRevokedError
from permissions.authn.principal import Client
from permissions.authn.registration import NewUser
from permissions.authn.witness import SignIn
from tests.permissions.audit.checked import stored
from tests.permissions.authn.conftest import PASSWORD, Parts

HOME = Client("192.0.2.7", "Firefox")
AWAY = Client("198.51.100.9", "Safari")


class Seen(NamedTuple):
    """What was told."""

    what: SignIn
    user_id: PydanticObjectId | None
    ip: str | None


@dataclass
class Memory:
    """A witness who remembers."""

    seen: list[Seen] = field(default_factory=list)

    async def saw(
        self, what: SignIn, user_id: PydanticObjectId | None, client: Client, session_id: str | None = None
    ) -> None:
        self.seen.append(Seen(what, user_id, client.ip))


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def accounts(parts: Parts, memory: Memory) -> Accounts:
    return replace(parts.accounts, witness=memory)


async def test_a_wrong_password_and_an_unknown_address(accounts: Accounts, memory: Memory, parts: Parts) -> None:
    for email in (parts.alice.email, "nobody@demo.example"):
        with pytest.raises(BadCredentialsError):
            await accounts.login(email, "wrong", HOME)
    assert memory.seen == [Seen(SignIn.FAILED, parts.alice.id, HOME.ip), Seen(SignIn.FAILED, None, HOME.ip)]


async def test_a_device_is_new_once(accounts: Accounts, memory: Memory, parts: Parts) -> None:
    for client in (HOME, HOME, AWAY, HOME):
        await accounts.login(parts.alice.email, PASSWORD, client)
    assert memory.seen == [
        Seen(SignIn.NEW_DEVICE, parts.alice.id, HOME.ip),
        Seen(SignIn.NEW_DEVICE, parts.alice.id, AWAY.ip),
    ]


async def test_a_refresh_token_that_comes_again(accounts: Accounts, memory: Memory, parts: Parts) -> None:
    first = (await accounts.login(parts.alice.email, PASSWORD, HOME)).refresh_token
    await accounts.refresh(first, HOME)
    memory.seen.clear()
    with pytest.raises(TokenRevokedError):
        await accounts.refresh(first, AWAY)
    assert memory.seen == [Seen(SignIn.REUSED, parts.alice.id, AWAY.ip)]


async def test_a_new_account(accounts: Accounts, memory: Memory) -> None:
    user = await accounts.create_user(NewUser("bob@demo.example", "Bob", PASSWORD), HOME)
    assert memory.seen == [Seen(SignIn.CREATED, user.id, HOME.ip)]


async def test_the_audit_log_is_told_of_a_reuse_once_however_often_it_comes(
    database: Database, audit: AuditLog, parts: Parts
) -> None:
    accounts = replace(parts.accounts, witness=AuditWitness(audit))
    first = (await accounts.login(parts.alice.email, PASSWORD, HOME)).refresh_token
    await accounts.refresh(first, HOME)
    for _ in range(3):
        with pytest.raises(TokenRevokedError):
            await accounts.refresh(first, AWAY)
    records = await stored(database)
    assert [record.kind for record in records] == ["login.new_device", "refresh_token.reused"]
    assert (records[1].ip, records[1].by, records[1].resource_id) == (
        AWAY.ip,
        str(parts.alice.id),
        str(parts.alice.id),
    )
