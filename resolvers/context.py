"""What a resolver has at hand: who asks, what he may do, and the stores."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import strawberry

from models.database import Database
from models.tree import MessageTree
from permissions.access import Access
from permissions.authn.accounts import Accounts
from permissions.authn.principal import Client, Principal
from permissions.store import PermissionStore
from resolvers.live import Broker
from resolvers.loaders import Loaders


@dataclass
class Context:
    """One request's, or one socket's; `api.graphql` makes it."""

    principal: Principal | None
    """Who asks; None is an anonymous caller."""
    access: Access
    """What he may do: one snapshot of the rules for the whole request."""
    client: Client
    db: Database
    tree: MessageTree
    broker: Broker
    accounts: Accounts
    permissions: PermissionStore
    judge: Callable[[Principal | None], Awaitable[Access]]
    """What somebody may do as of now, by the newest rules."""
    connection_params: object = None
    """The payload of a socket's `connection_init`; Strawberry puts it here."""
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.tree)

    async def become(self, principal: Principal) -> None:
        """Go on as `principal`, who has just signed in."""
        self.principal = principal
        self.access = await self.judge(principal)

    async def renew(self) -> None:
        """A socket outlives the moment: judge, and load, anew."""
        self.access = await self.judge(self.principal)
        self.loaders = Loaders(self.tree)


Info = strawberry.Info[Context, None]
