"""Fixtures: a service that leaves its decisions to this server, and things to ask about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

from models.clock import now
from models.conversation import Conversation
from models.role import RoleAssignment
from models.user import User
from permissions.authn.passwords import Passwords
from permissions.authn.services import register_service
from resolvers.ids import encode
from tests.permissions.authn.conftest import CHEAP
from tests.served import Served

NAME: Final = "billing"


@dataclass(frozen=True)
class Pdp:
    """The server, as another service sees it."""

    http: httpx.AsyncClient
    token: str
    client_id: str = NAME
    client_secret: str = field(default="", repr=False)

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """POST to `/access/v1/…`."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return await self.http.post(f"/access/v1/{path}", json=body, headers=sent)

    async def ask(self, path: str, body: Any) -> Any:
        """The answer, which must be one."""
        response = await self.post(path, body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()

    async def decides(self, subject: str, action: str, type_: str, id_: str, **more: Any) -> bool:
        """One decision; `more` are the resource's properties."""
        body = question(subject, action, type_, id_, **more)
        decision = (await self.ask("evaluation", body))["decision"]
        assert isinstance(decision, bool)
        return decision


def question(subject: str, action: str, type_: str, id_: str, **properties: Any) -> dict[str, Any]:
    """A request's body."""
    return {
        "subject": {"type": "user", "id": subject},
        "action": {"name": action},
        "resource": {"type": type_, "id": id_, "properties": properties},
    }


async def service(served: Served, name: str, *roles: str) -> Pdp:
    """A service with these roles, signed in."""
    passwords = Passwords(1, CHEAP)
    user, secret = await register_service(passwords, name)
    passwords.close()
    for role in roles:
        await RoleAssignment(user_id=user.id, role=role, granted_at=now()).insert()
    fields = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    answer = await served.http.post("/oauth/token", data=fields)
    assert answer.status_code == 200, answer.text
    return Pdp(served.http, answer.json()["access_token"], name, secret)


@pytest.fixture
async def pdp(served: Served) -> Pdp:
    """A service that may ask."""
    return await service(served, NAME, "policy_decision_client")


async def conversation(owner: User, **attributes: Any) -> str:
    """A conversation's global id."""
    stored = Conversation(
        owner_id=owner.id,
        title="about",
        title_key="about",
        attributes=attributes,
        started_at=now(),
        updated_at=now(),
        chosen_branch="main",
        slot_width=50,
    )
    await stored.insert()
    return encode("Conversation", stored.id)
