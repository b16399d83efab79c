"""Fixtures: the whole server, in this process, with the demo's people and without their conversations."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from redis.asyncio import Redis
from starlette.applications import Starlette

from api.app import create_app
from api.demo_world import PEOPLE, Person
from api.documents.limits import DEFAULT_LIMITS, CostBudgets
from api.schema import Schema, build_schema
from api.services import Services
from api.settings import Settings
from models.clock import now
from models.database import Database
from models.embedded import EmbeddedStores
from models.role import RoleAssignment
from models.search.indexer import Indexer
from models.user import User, email_key
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from tests.permissions.authn.conftest import CHEAP
from tests.seeds import Seeds, demo_rules

SECRET = "a secret of the tests, nobody else's"
QUIET: Final[Mapping[str, float]] = {"search_seconds": 0, "usage_seconds": 0, "interrupt_seconds": 0, "news_seconds": 0}
"""Settings by which a server does nothing beside its requests: tests index, roll up and look when they want to."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """`data`, which must have come without errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        """The errors' codes."""
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


@dataclass
class Caller:
    """Somebody with a client."""

    http: httpx.AsyncClient
    user: User | None = None
    token: str | None = None

    async def ask(self, query: str, **variables: Any) -> Answer:
        """POST a document."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent = {"query": query, "variables": variables}
        response = await self.http.post("/graphql", json=sent, headers=headers)
        return Answer(response.status_code, response.headers, response.json())


@dataclass
class Served:
    """The server, and whoever asks it."""

    http: httpx.AsyncClient
    services: Services
    people: dict[str, User] = field(default_factory=dict)
    app: Starlette = field(kw_only=True)

    async def as_(self, name: str) -> Caller:
        """One of the demo's people, signed in."""
        user = self.people[name]
        accounts = self.services.authentication.accounts
        principal = Principal(user.id, new_id())
        refresh = digest(accounts.refresh_tokens.issue(principal))
        session = await accounts.sessions.open(principal, refresh, "test", Client())
        return Caller(self.http, user, accounts.tokens.issue(session))

    @property
    def indexer(self) -> Indexer:
        """Indexes when it is told to."""
        return Indexer(self.services.database.db)

    @property
    def nobody(self) -> Caller:
        """Who isn't signed in."""
        return Caller(self.http)


class Given(Settings):
    """What is given, and nothing else: looking for each in the environment and in a file takes 10 ms."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@pytest.fixture
async def served(
    database: Database, redis: Redis, stores: EmbeddedStores, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """A server on the test's own stores, whose password hashes are cheap."""
    settings = settings_on(
        stores,
        database.db.name,
        **QUIET,
        rate_budgets=10_000,  # some tests ask for thousands of things
        rate_budgets_address=100_000,
        decision_log="off",  # what is written beside a request would be counted among its calls
    )
    monkeypatch.setattr("api.authentication.Passwords", partial(Passwords, hasher=CHEAP))
    await seeds.sow(database, demo)
    users = {user.email: user for user in await User.find_all().to_list()}
    people = {person.name: users[person.email] for person in PEOPLE}
    app = create_app(settings, schema())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://parley.test") as http,
    ):
        yield Served(http, app.state.services, people, app=app)


def settings_on(stores: EmbeddedStores, database: str, **others: Any) -> Settings:
    """Of a server on these stores, whose sessions and tokens are the others'; what isn't named is as it comes."""
    given: dict[str, Any] = {
        "mongodb_uri": SecretStr(stores.mongodb_uri),
        "redis_url": SecretStr(stores.redis_url),
        "database": database,
        "secret_key": SecretStr(SECRET),
        "log_level": "error",
    }
    return Given(**given | others)


@cache
def schema() -> Schema:
    """What all of them serve. Its budget is large: some tests ask for all that there is at once."""
    return build_schema(replace(DEFAULT_LIMITS, costs=CostBudgets(10_000_000)))


async def demo() -> None:
    """The demo's roles and people."""
    await demo_rules()
    for person in PEOPLE:
        await _settle(person)


async def _settle(person: Person) -> None:
    """An account that nobody can log in to: hashing passwords takes most of a test's time."""
    user = User(
        email=person.email,
        email_key=email_key(person.email),
        display_name=person.display_name,
        name_key=person.display_name.casefold(),
        password_hash="",
        attributes=dict(person.attributes),
        created_at=now(),
    )
    await user.insert()
    for role in person.roles:
        await RoleAssignment(user_id=user.id, role=role, granted_at=now()).insert()
