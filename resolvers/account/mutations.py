"""Signing in, staying in, signing out."""

import strawberry

from permissions.audit.events import Origin, Target
from permissions.authn.accounts import Signed
from permissions.authn.errors import TokenReusedError
from permissions.authn.principal import Principal
from permissions.authn.sessions import LOGGED_OUT
from permissions.resources import SESSION
from resolvers.account.session_events import announce_ended, announce_opened
from resolvers.account.types import AuthPayload, LoginInput, LogoutPayload, RefreshSessionInput
from resolvers.context import Browser, Context, Info
from resolvers.errors import BadInputError


@strawberry.type
class Mutation:
    """Sessions."""

    @strawberry.mutation(description="Sign in. Every wrong login gets the same answer.")
    async def login(self, info: Info, input: LoginInput) -> AuthPayload:
        context = info.context
        browser = _browser(context) if input.cookie else None
        signed = await context.accounts.login(input.email, input.password, context.client, input.device)
        await announce_opened(context.broker, signed)
        return await _answer(context, signed, browser)

    @strawberry.mutation(
        description="A new pair of tokens for a refresh token. Each works once: a used one ends the session, but for "
        "the same client's repeats within some seconds, which get the same refresh token again."
    )
    async def refresh_session(self, info: Info, input: RefreshSessionInput) -> AuthPayload:
        context, token = info.context, input.refresh_token
        browser = context.browser if token is None else None
        if browser is not None:
            token = browser.token()
        if token is None:
            raise BadInputError("refreshToken", "is needed")
        try:
            signed = await context.accounts.refresh(token, context.client)
        except TokenReusedError as error:
            owner = context.accounts.refresh_tokens.read(token)
            await announce_ended(context.broker, owner.user_id, [owner.session_id], error.reason)
            raise
        return await _answer(context, signed, browser)

    @strawberry.mutation(description="End this session; its tokens are refused everywhere within a second.")
    async def logout(self, info: Info) -> LogoutPayload:
        context = info.context
        principal = context.principal or _kept(context)
        if context.browser is not None:
            context.browser.forget()
        ended = await context.accounts.logout(principal) if principal else False
        if principal and ended:
            origin, target = Origin.of(principal, context.client), Target(SESSION, principal.session_id)
            await context.audit.write("session.ended", origin, target, reason=LOGGED_OUT)
            await announce_ended(context.broker, principal.user_id, [principal.session_id], LOGGED_OUT)
        return LogoutPayload(ended=ended)


def _browser(context: Context) -> Browser:
    if context.browser is None:
        raise BadInputError("cookie", "can't be set over a WebSocket")
    context.browser.require_own_site()  # before anything is done
    return context.browser


def _kept(context: Context) -> Principal | None:
    """Whose session the cookie keeps, for a page whose access token has expired."""
    token = context.browser.token() if context.browser else None
    return context.accounts.refresh_tokens.read(token) if token else None


async def _answer(context: Context, signed: Signed, browser: Browser | None) -> AuthPayload:
    if browser is not None:
        browser.keep(signed.refresh_token, signed.session.expires_at)
    await context.become(await context.accounts.tokens.verify(signed.access_token))
    return AuthPayload.of(signed, in_cookie=browser is not None)
