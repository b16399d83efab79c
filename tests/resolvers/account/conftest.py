"""The account part of the schema, asked by this or that caller."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from redis.asyncio import Redis

from models.attachments.store import AttachmentLimits, Attachments
from models.clock import now
from models.database import Database
from models.embedded import EmbeddedStores
from models.role import RoleAssignment
from models.search.search import MessageSearch
from models.tree import MessageTree, TreeLimits
from models.usage.usage import Usage
from models.user import User
from permissions.audit.log import AuditLog
from permissions.authn.accounts import Accounts
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.registration import NewUser
from permissions.authn.revocation.revocations import Revocations
from permissions.changes import PermissionChanges
from permissions.key_rotation import KeyRotation
from permissions.store import PermissionStore
from permissions.token_revocation import TokenRevocation
from resolvers.account.mutations import Mutation
from resolvers.account.queries import Query
from resolvers.chat.events import channel
from resolvers.context import Context
from resolvers.live import MemoryBroker, Standings, Texts
from resolvers.sealing import CursorSeal
from tests.permissions.authn.conftest import CHEAP, LIVES, PASSWORD, SECRET, new_worker
from tests.seeds import Seeds, demo_rules

PEOPLE = {"alice": "analyst", "bob": "analyst", "sara": "senior_analyst", "admin": "admin", "guest": "guest"}


@dataclass(frozen=True)
class Answer:
    """What the schema said."""

    data: dict[str, Any]
    errors: list[GraphQLError]

    @property
    def denials(self) -> dict[str, type[BaseException]]:
        """Where, and by which error."""
        return {".".join(map(str, error.path or ())): type(error.original_error or error) for error in self.errors}


@dataclass(frozen=True)
class World:
    """People with roles, and the schema."""

    database: Database
    accounts: Accounts
    rotation: KeyRotation
    revocation: TokenRevocation
    audit: AuditLog
    people: dict[str, User]
    schema: strawberry.Schema
    texts: Texts
    store: PermissionStore = field(default_factory=PermissionStore)

    async def ask(self, who: str | Principal | UnauthenticatedError | None, query: str, **variables: Any) -> Answer:
        """Run `query` as a person by name, as a session, as nobody, or as one whose proof was refused."""
        refusal = who if isinstance(who, UnauthenticatedError) else None
        who = None if isinstance(who, UnauthenticatedError) else who
        principal = Principal(self.people[who].id, new_id()) if isinstance(who, str) else who
        tree = MessageTree(self.database.db, TreeLimits())
        context = Context(
            principal=principal,
            access=await self.store.access(principal, refusal=refusal),
            judge=lambda principal, _: self.store.access(principal),
            client=Client("192.0.2.7", "Firefox on Debian"),
            db=self.database,
            tree=tree,
            attachments=Attachments(self.database.db, AttachmentLimits()),
            search=MessageSearch(self.database.db, tree),
            usage=Usage(self.database.db),
            cursors=CursorSeal(bytes(32)),
            broker=MemoryBroker(),
            texts=self.texts,
            standings=Standings(self.store),
            accounts=self.accounts,
            rotation=self.rotation,
            revocation=self.revocation,
            permissions=self.store,
            changes=PermissionChanges(self.store),
            audit=self.audit,
        )
        result = await self.schema.execute(query, variable_values=variables, context_value=context)
        return Answer(result.data or {}, result.errors or [])


@pytest.fixture
async def world(
    database: Database, redis: Redis, stores: EmbeddedStores, seeds: Seeds, audit: AuditLog
) -> AsyncIterator[World]:
    """The demo's roles and a few of its people."""
    await seeds.sow(database, demo_rules)
    keys, passwords = KeyRing(SECRET), Passwords(2, CHEAP)
    await keys.ensure()
    accounts = new_worker(redis, keys, passwords)
    people = {name: await _person(accounts, name, role) for name, role in PEOPLE.items()}
    mirror = accounts.gate.mirror
    revocations = Revocations(mirror.ledger, LIVES, mirror)
    revocation = TokenRevocation(revocations, mirror, redis, audit)
    schema = strawberry.Schema(Query, Mutation)
    async with Texts(stores.redis_url, channel) as texts:
        yield World(database, accounts, KeyRotation(keys), revocation, audit, people, schema, texts)
    passwords.close()


async def _person(accounts: Accounts, name: str, role: str) -> User:
    new = NewUser(f"{name}@demo.example", f"{name.title()} Demo", PASSWORD, {"region": "EMEA"})
    user = await accounts.create_user(new)
    await RoleAssignment(user_id=user.id, role=role, granted_at=now(), reason="the demo").insert()
    return user
