"""`parley user disable`, `enable` and `reset-password`, and what commands leave in the audit log."""

import asyncio
import re
import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.propagation import CHANNEL
from api.services import open_services
from api.settings import Settings
from models.embedded import EmbeddedStores
from permissions.authn.errors import BadCredentialsError, PasswordChangeRequiredError, TokenRevokedError
from permissions.authn.principal import Client
from resolvers.live import Event, RedisBroker
from tests.api.commands import SECRET, Here, Outcome, Parley
from tests.permissions.audit.checked import stored

ANN, ROOT, PASSWORD = "ann@example.org", "root@example.org", "correct horse battery staple"


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Parley:
    """The command line on an empty database."""
    name = f"cli-{secrets.token_hex(8)}"
    named = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name, "SECRET_KEY": SECRET}
    return Parley(tmp_path, named)


def settings(parley: Parley) -> Settings:
    named = parley.variables
    return Settings(
        mongodb_uri=SecretStr(named["MONGODB_URI"]),
        redis_url=SecretStr(named["REDIS_URL"]),
        database=named["DATABASE"],
        secret_key=SecretStr(SECRET),
    )


async def test_an_account_is_closed_opened_and_renewed_while_a_server_runs(parley: Parley) -> None:
    here = parley.here
    made = await asyncio.to_thread(here, "user", "create", "--email", ANN, typed=PASSWORD)
    assert made.status == 0
    async with open_services(settings(parley)) as services:
        accounts, gate = services.authentication.accounts, services.authentication.authenticator.gate
        signed = await accounts.login(ANN, PASSWORD, Client())
        token = await accounts.tokens.verify(signed.access_token)
        gate.require(token)

        closed = await asyncio.to_thread(parley, "user", "disable", "--email", ANN, "--reason", "left the company")
        assert (closed.status, closed.out) == (0, f"disabled {ANN}\n")
        with pytest.raises(TokenRevokedError) as caught:
            gate.require(token)
        assert caught.value.reason == "account_disabled"
        with pytest.raises(BadCredentialsError):
            await accounts.login(ANN, PASSWORD, Client())

        opened = await asyncio.to_thread(parley, "user", "enable", "--email", ANN)
        assert opened.status == 0
        again = await accounts.tokens.verify((await accounts.login(ANN, PASSWORD, Client())).access_token)
        gate.require(again)

        reset = await asyncio.to_thread(parley, "user", "reset-password", "--email", ANN)
        found = re.fullmatch(r"password\t(\S+)\nexpires\t\S+\n", reset.out)
        assert found
        with pytest.raises(TokenRevokedError):
            gate.require(again)
        with pytest.raises(PasswordChangeRequiredError):
            await accounts.login(ANN, found[1], Client())


def _made_and_renewed(here: Here) -> list[Outcome]:
    assert here("user", "create", "--email", ROOT, "--role", "super_admin", typed=PASSWORD).status == 0
    renewal = ["service", "renew", "--name", "billing"]
    return [here("service", "create", "--name", "billing", "--role", "policy_decision_client"), here(*renewal)]


async def test_what_commands_do_is_in_the_audit_log_and_what_they_refuse_is_a_line(parley: Parley) -> None:
    here = parley.here
    async with RedisBroker(parley.variables["REDIS_URL"]) as broker, broker.subscribe(CHANNEL) as told_workers:
        made, renewed = await asyncio.to_thread(_made_and_renewed, here)
        async with asyncio.timeout(20):
            news = [await anext(told_workers) for _ in range(3)]
    # 1 is the role itself, of a database that no server has seen.
    assert [each.payload for each in news if isinstance(each, Event)] == [b"2", b"3", b"4"], "workers hear of each"
    for arguments, said in (
        (["user", "disable", "--email", ROOT], "nobody would be left"),
        (["user", "reset-password", "--email", "billing"], "is a service"),
    ):
        outcome = await asyncio.to_thread(here, *arguments)
        assert outcome.status == 1
        assert said in outcome.err
        assert outcome.err.count("\n") == 1
    async with open_services(settings(parley)) as services:
        records = await stored(services.database)
    assert [each.kind for each in records] == [
        "role.created",
        "account.created",
        "assignment.created",
        "role.created",
        "service.created",
        "assignment.created",
        "service.secret_renewed",
    ]
    assert {each.by for each in records} == {None}
    for told in (made, renewed):
        assert told.out.split()[-1] not in repr(records)
