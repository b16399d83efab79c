"""Signing in, staying signed in, signing out."""

from dataclasses import dataclass, replace

from beanie import PydanticObjectId

from models.user import User
from permissions.authn.attempts import Attempts
from permissions.authn.availability import answering
from permissions.authn.credentials import CHANGED, Credentials
from permissions.authn.endings import UNHEARD, Endings
from permissions.authn.errors import (
    BadCredentialsError,
    PasswordChangeRequiredError,
    TokenReusedError,
    TokenRevokedError,
)
from permissions.authn.gate import SessionGate
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import RefreshTokens, digest
from permissions.authn.registration import NewUser, register
from permissions.authn.revocation.revoker import Revoker
from permissions.authn.sessions import DISABLED, LOGGED_OUT, REUSED, Rotated, Session, Sessions
from permissions.authn.tokens import Tokens
from permissions.authn.witness import NOWHERE, UNSEEN, SignIn, Witness


@dataclass(frozen=True, slots=True)
class Signed:
    """What a client gets to prove who it is. `expires_in` seconds the access token is good."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User
    session: Session
    new_device: bool = False
    """Whether this opened a session, and no living one was on such a device."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """One a worker; the parts are joined in `api`."""

    passwords: Passwords
    tokens: Tokens
    refresh_tokens: RefreshTokens
    sessions: Sessions
    attempts: Attempts
    gate: SessionGate
    witness: Witness = UNSEEN
    revoker: Revoker = UNHEARD

    @property
    def endings(self) -> Endings:
        """How sessions end before their time."""
        return Endings(self.sessions, self.revoker)

    @property
    def credentials(self) -> Credentials:
        """Passwords, and what changing one ends."""
        return Credentials(self.passwords, self.attempts, self.endings, self.witness)

    async def login(self, email: str, password: str, client: Client, device: str | None = None) -> Signed:
        """Start a session.

        Raise as `Credentials.prove`, and `PasswordChangeRequiredError` where the password lets one choose another only.
        """
        user = await self.credentials.prove(email, password, client)
        if user.must_change_password:
            raise PasswordChangeRequiredError
        await self.credentials.renew_hash(user, password)
        return await self._sign_in(user, client, device)

    async def refresh(self, refresh_token: str, client: Client) -> Signed:
        """Swap a refresh token for a new pair. It works once, but for the same client's repeats within the leeway.

        Raise `UnauthenticatedError` for what is no token of ours, `TokenRevokedError` where the session has ended
        or, because the token was used before, ends now.
        """
        principal = self.refresh_tokens.read(refresh_token)
        # Before the swap: what fails after it costs the client its session.
        user = await _by_id(principal.user_id)
        if user is None or user.disabled:
            raise TokenRevokedError(DISABLED)
        await self.tokens.prepare()
        await self.gate.catch_up()
        rotated = await self._rotate(principal, refresh_token, client)
        if (hit := self.gate.hit(rotated.before, client.ip)) is not None:
            await self.endings.one(principal, hit.reason, wait=False)
            raise TokenRevokedError(hit.reason)
        counting = self.refresh_tokens.successor(refresh_token, rotated.steps)
        return self._signed(counting, user, rotated.session)

    async def logout(self, principal: Principal) -> bool:
        """End the session; its access tokens are refused everywhere within 1 s. False if it had ended before."""
        over = await self.endings.one(principal, LOGGED_OUT, wait=False)
        return bool(over.ended)

    async def sessions_of(self, user_id: PydanticObjectId, own: str | None = None) -> list[Session]:
        """The user's living sessions, newest first; `own` is the id of the one that asks."""
        return [each for each in await self.sessions.of(user_id, own) if self.gate.hit(each) is None]

    async def create_user(self, new: NewUser, client: Client = NOWHERE) -> User:
        """See `registration.register`."""
        user = await register(self.passwords, new)
        await self.witness.saw(SignIn.CREATED, user.id, client)
        return user

    async def _sign_in(self, user: User, client: Client, device: str | None) -> Signed:
        await self.tokens.prepare()
        principal = Principal(user.id, new_id())
        refresh = self.refresh_tokens.issue(principal)
        others = await self.sessions.of(user.id)
        for ended in await self.endings.surplus(others):
            await self.witness.saw(SignIn.DISPLACED, user.id, client, ended.id)
        session = await self.sessions.open(principal, digest(refresh), device, client)
        if not await self.credentials.still_stands(user):
            await self.endings.one(principal, CHANGED, wait=False)
            raise BadCredentialsError
        new_device = all((other.device, other.agent) != (session.device, session.agent) for other in others)
        if new_device:
            await self.witness.saw(SignIn.NEW_DEVICE, user.id, client, session.id)
        return replace(self._signed(refresh, user, session), new_device=new_device)

    async def _rotate(self, principal: Principal, presented: str, client: Client) -> Rotated:
        successor = digest(self.refresh_tokens.successor(presented))
        try:
            return await self.sessions.rotate(principal, digest(presented), successor, client)
        except TokenReusedError:
            # What the family gave out dies with it. Before the log: whatever else fails, this must not.
            await self.endings.one(principal, REUSED, wait=False)
            await self.witness.saw(SignIn.REUSED, principal.user_id, client, principal.session_id)
            await self.sessions.settled(principal)
            raise

    def _signed(self, refresh: str, user: User, session: Session) -> Signed:
        return Signed(self.tokens.issue(session), refresh, self.tokens.lifetime, user, session)


async def _by_id(user_id: PydanticObjectId) -> User | None:
    async with answering("MongoDB"):
        return await User.find_one({"_id": user_id})
