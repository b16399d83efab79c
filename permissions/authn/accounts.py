"""Signing in, staying signed in, signing out."""

from dataclasses import dataclass

from beanie import PydanticObjectId

from models.user import User, email_key
from permissions.authn.attempts import Attempts
from permissions.authn.availability import answering
from permissions.authn.endings import UNHEARD, Endings
from permissions.authn.errors import BadCredentialsError, TokenReusedError, TokenRevokedError
from permissions.authn.gate import SessionGate
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import RefreshTokens, digest
from permissions.authn.registration import MAX_EMAIL_CHARACTERS, NewUser, register
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

    async def login(self, email: str, password: str, client: Client, device: str | None = None) -> Signed:
        """Start a session.

        Raise `BadCredentialsError`, the same for all that may be wrong and after the same work, or
        `TooManyAttemptsError`.
        """
        key = email_key(email)
        async with self.attempts.one(key, client.ip):
            user = await self._proven(key, password, client)
        await self._renew_hash(user, password)
        return await self._sign_in(user, client, device)

    async def _proven(self, key: str, password: str, client: Client) -> User:
        user = await _by_email(key)
        matches = await self.passwords.verify(password, user.password_hash if user else None)
        if user is None or user.disabled or not matches:
            await self.witness.saw(SignIn.FAILED, user.id if user else None, client)
            raise BadCredentialsError
        return user

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
        rotated = await self._rotate(principal, refresh_token, client)
        counting = self.refresh_tokens.successor(refresh_token, rotated.steps)
        return self._signed(principal, counting, user, rotated.session)

    async def logout(self, principal: Principal) -> bool:
        """End the session; its access tokens are refused everywhere within 1 s. False if it had ended before."""
        over = await self.endings.one(principal, LOGGED_OUT, wait=False)
        self.gate.forget(principal)
        return bool(over.ended)

    async def sessions_of(self, user_id: PydanticObjectId) -> list[Session]:
        """The user's living sessions, newest first."""
        return await self.sessions.of(user_id)

    async def create_user(self, new: NewUser, client: Client = NOWHERE) -> User:
        """See `registration.register`."""
        user = await register(self.passwords, new)
        await self.witness.saw(SignIn.CREATED, user.id, client)
        return user

    async def _sign_in(self, user: User, client: Client, device: str | None) -> Signed:
        principal = Principal(user.id, new_id())
        refresh = self.refresh_tokens.issue(principal)
        others = await self.sessions.of(user.id)
        for ended in await self.endings.surplus(others):
            await self.witness.saw(SignIn.DISPLACED, user.id, client, ended.id)
        session = await self.sessions.open(principal, digest(refresh), device, client)
        if not any((other.device, other.agent) == (session.device, session.agent) for other in others):
            await self.witness.saw(SignIn.NEW_DEVICE, user.id, client, session.id)
        return self._signed(principal, refresh, user, session)

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
        finally:
            self.gate.forget(principal)

    def _signed(self, principal: Principal, refresh: str, user: User, session: Session) -> Signed:
        return Signed(self.tokens.issue(principal), refresh, self.tokens.lifetime, user, session)

    async def _renew_hash(self, user: User, password: str) -> None:
        """Keep the password under today's parameters, unless it has been changed meanwhile."""
        if not self.passwords.outdated(user.password_hash):
            return
        renewed = await self.passwords.rehash(password)
        same = {"$eq": ["$password_hash", {"$literal": user.password_hash}]}
        chosen = {"$cond": [same, {"$literal": renewed}, "$password_hash"]}
        async with answering("MongoDB"):
            await User.get_pymongo_collection().update_one({"_id": user.id}, [{"$set": {"password_hash": chosen}}])


async def _by_email(key: str) -> User | None:
    if len(key) > MAX_EMAIL_CHARACTERS or not _is_text(key):
        return None
    async with answering("MongoDB"):
        return await User.find_one({"email_key": key})


async def _by_id(user_id: PydanticObjectId) -> User | None:
    async with answering("MongoDB"):
        return await User.find_one({"_id": user_id})


def _is_text(value: str) -> bool:
    """Half of a surrogate pair comes through JSON, but no store takes it."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
