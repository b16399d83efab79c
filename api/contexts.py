"""From a request or a socket to the context of whoever sends it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from beanie import PydanticObjectId
from cross_web import HTTPException
from starlette.requests import HTTPConnection

from api.errors import UNAVAILABLE
from api.rates.allowance import Allowance
from api.services import Services
from permissions.access import Access
from permissions.authn.errors import AuthnUnavailableError, TokenRevokedError, UnauthenticatedError
from permissions.authn.principal import Client, Principal
from permissions.authn.tokens import AccessToken
from permissions.errors import NotFreshError
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.ids import revision_of

AT_LEAST: Final = "X-Permissions-At-Least"
REFUSED: Final = (AuthnUnavailableError, NotFreshError, *UNAVAILABLE)
"""What may come of asking who sends a request, and by which rules."""
ANOTHER_ACCOUNT: Final = "another_account"
"""Why a token is refused that is good, but not of whoever opened the socket."""
ABSENT: Final = "absent"
"""In place of a session, of who isn't there."""


@dataclass(slots=True)
class ServedContext(Context):
    """A context that can be told who asks after it was made: a socket's first message does."""

    services: Services = field(kw_only=True)
    at_least: int | None = field(kw_only=True)
    """The revision of the rules that the client has seen already."""
    opened: "ServedContext | None" = None
    """The context of the socket, in that of one of its operations."""

    async def prove(self, authorization: str | None) -> None:
        """Go on as whoever `authorization` proves; as nobody, with the reason, where it proves nothing."""
        refusal: UnauthenticatedError | None = None
        try:
            self.token = await self.services.authentication.authenticator.authenticate(authorization)
        except UnauthenticatedError as error:
            self.token, refusal = None, error
        self.principal = self.token.principal if self.token else None
        self.adopt(await _judged(self.services, self.client, self.principal, self.token, refusal, self.at_least))

    async def prove_again(self, authorization: str) -> AccessToken:
        """Go on with a newer proof of the same account; return it.

        Raise `UnauthenticatedError` and its kin for a bad one, and what `REFUSED` names: all is then as it was.
        """
        token = await self.services.authentication.authenticator.authenticate(authorization)
        if token is None or self.principal is None or token.principal.user_id != self.principal.user_id:
            raise TokenRevokedError(ANOTHER_ACCOUNT)
        self.adopt(await self.judge(token.principal, token))
        self.principal, self.token = token.principal, token
        self.standings.proved_again(token.principal.user_id)
        self.watch()
        return token

    async def for_operation(self) -> Self:
        """As of any context; it follows what this one is proved by later."""
        operation = await super(ServedContext, self).for_operation()
        operation.opened = self
        return operation

    @property
    def outdated(self) -> bool:
        """Whether the socket was given a newer proof."""
        return self.opened is not None and self.opened.token is not self.token

    async def judged(self) -> Access:
        """As of any context, with the newest proof that the socket was given."""
        if self.opened is not None:
            self.principal, self.token = self.opened.principal, self.opened.token
        return await super(ServedContext, self).judged()

    def require_still(self) -> None:
        """Raise as `SessionGate.require` where what proved who asks was taken back since the request began."""
        if self.token is not None:
            self.services.authentication.authenticator.gate.require(self.token)

    def watch(self) -> None:
        """Hear at once of the end of what proved who asks; after a newer proof, of that one's."""
        if self.token is not None and self.cutoff is not None:
            self.cutoff.watch(self.token, self.services.authentication.authenticator.gate.mirror)


async def proven(connection: HTTPConnection) -> ServedContext:
    """The context of whoever `Authorization` proves; cookies prove nothing.

    Raises what `REFUSED` names, and `HTTPException`.
    """
    client = Client(
        ip=connection.client.host if connection.client else None,
        user_agent=connection.headers.get("user-agent"),
        request_id=connection.state.request_id,
    )
    authorization, at_least = connection.headers.get("authorization"), wanted_revision(connection)
    return await proven_by(authorization, connection.app.state.services, client, connection.state, at_least)


async def proven_by(
    authorization: str | None, services: Services, client: Client, state: Any, at_least: int | None = None
) -> ServedContext:
    """The same of who says so; `state` is told of what he may still do. Raises what `REFUSED` names."""
    refusal: UnauthenticatedError | None = None
    token: AccessToken | None = None
    try:
        authenticator = services.authentication.authenticator
        token = authenticator.known(authorization) or await authenticator.authenticate(authorization)
    except UnauthenticatedError as error:
        refusal = error
    principal = token.principal if token else None
    circumstances, permissions = _circumstances(client, token), services.permissions
    access = permissions.access_at_hand(principal, circumstances, refusal, at_least)
    if access is None:
        access = await permissions.access(principal, circumstances, refusal, at_least)

    async def judge(principal: Principal | None, token: AccessToken | None) -> Access:
        return await _judged(services, client, principal, token, at_least=at_least)

    allowance = Allowance(services.rates, client.ip, state)
    return _with(services, principal, access, client, judge, at_least, allowance, token)


async def admitted(connection: HTTPConnection) -> ServedContext:
    """The same, of who may have anything done at all. Raise `TooFastError` where it is known that he may not yet."""
    context = await proven(connection)
    if context.allowance is not None:
        context.allowance.require(context.access)
    return context


async def acting(services: Services, user_id: PydanticObjectId, circumstances: Mapping[str, Any]) -> ServedContext:
    """The context of somebody for whom something is done while he is away, by his rights as they are now.

    `circumstances` are those under which he asked for it.
    """
    principal, client = Principal(user_id, ABSENT), Client(ip=circumstances.get("ip"))

    async def judge(principal: Principal | None, token: AccessToken | None) -> Access:
        return await services.permissions.access(principal, circumstances)

    return _with(services, principal, await judge(principal, None), client, judge)


def _with(
    services: Services,
    principal: Principal | None,
    access: Access,
    client: Client,
    judge: Callable[[Principal | None, AccessToken | None], Awaitable[Access]],
    at_least: int | None = None,
    allowance: Allowance | None = None,
    token: AccessToken | None = None,
) -> ServedContext:
    return ServedContext(
        principal=principal,
        access=access,
        client=client,
        db=services.database,
        tree=services.tree,
        attachments=services.attachments,
        search=services.search,
        usage=services.usage,
        cursors=services.cursors,
        broker=services.broker,
        texts=services.texts,
        standings=services.standings,
        accounts=services.authentication.accounts,
        rotation=services.rotation,
        revocation=services.revocation,
        permissions=services.permissions,
        changes=services.changes,
        audit=services.audit,
        judge=judge,
        token=token,
        allowance=allowance,
        starts=services.starts,
        services=services,
        at_least=at_least,
    )


def wanted_revision(connection: HTTPConnection) -> int | None:
    """The revision in the token that a change of permissions gave its client."""
    token = connection.headers.get(AT_LEAST)
    if token is None:
        return None
    try:
        return revision_of(token, AT_LEAST)
    except BadInputError as error:
        raise HTTPException(400, str(error)) from error


async def _judged(
    services: Services,
    client: Client,
    principal: Principal | None,
    token: AccessToken | None = None,
    refusal: UnauthenticatedError | None = None,
    at_least: int | None = None,
) -> Access:
    """What `principal` may do now: nothing, if the token that proved him has been taken back meanwhile."""
    if token is not None:
        try:
            services.authentication.authenticator.gate.require(token)
        except UnauthenticatedError as error:
            principal, token, refusal = None, None, error
    return await services.permissions.access(principal, _circumstances(client, token), refusal, at_least)


def _circumstances(client: Client, token: AccessToken | None) -> dict[str, Any]:
    """What conditions read as `env.…`."""
    known = {} if token is None else token.circumstances()
    if client.ip is not None:
        known["ip"] = client.ip
    return known
