"""What conditions read of a session, as `env.device` and `env.session_age`, from the first answer on."""

import pytest

from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from tests.served import Answer, Caller, Served

PUT = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { permissionsToken } }"
REFRESH_AND_START = """mutation ($token: String!) {
  refreshSession(input: {refreshToken: $token}) { accessToken }
  startConversation(input: {title: "from here"}) { conversation { title } }
}"""
START = 'mutation { startConversation(input: {title: "from here"}) { conversation { title } } }'


async def refresh_on(served: Served, device: str) -> Answer:
    """Alice opens a session there; her refresh token is swapped, and used in the same request."""
    principal, accounts = Principal(served.people["alice"].id, new_id()), served.services.authentication.accounts
    token = accounts.refresh_tokens.issue(principal)
    await accounts.sessions.open(principal, digest(token), device, Client())
    return await served.nobody.ask(REFRESH_AND_START, token=token)


@pytest.mark.parametrize("condition", ['env.device == "phone"', 'env.device == "phone" && env.session_age < 600'])
async def test_who_has_just_signed_in_is_judged_by_his_new_session(served: Served, condition: str) -> None:
    """In the rest of the very operation as in the next one."""
    root = await served.as_("root")
    policy = {"name": "phones_only", "effect": "DENY", "actions": ["conversation:create"], "unless": condition}
    assert (await root.ask(PUT, input=policy)).data

    at_once = await refresh_on(served, "phone")
    assert at_once.data["startConversation"]["conversation"]["title"] == "from here"
    later = Caller(served.http, token=at_once.data["refreshSession"]["accessToken"])
    assert (await later.ask(START)).data["startConversation"]["conversation"]["title"] == "from here"

    assert (await refresh_on(served, "desk")).codes == ["FORBIDDEN"]
