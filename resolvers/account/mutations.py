"""Signing in, staying in, signing out."""

import strawberry

from permissions.authn.accounts import Signed
from permissions.authn.principal import Principal
from resolvers.account.types import AuthPayload, LoginInput, LogoutPayload, RefreshSessionInput
from resolvers.context import Context, Info
from resolvers.errors import BadInputError


@strawberry.type
class Mutation:
    """Sessions."""

    @strawberry.mutation(description="Sign in. Every wrong login gets the same answer.")
    async def login(self, info: Info, input: LoginInput) -> AuthPayload:
        context = info.context
        signed = await context.accounts.login(input.email, input.password, context.client, input.device)
        return await _answer(context, signed)

    @strawberry.mutation(
        description="A new pair of tokens for a refresh token. Each works once; a used one ends the session."
    )
    async def refresh_session(self, info: Info, input: RefreshSessionInput) -> AuthPayload:
        if input.refresh_token is None:
            raise BadInputError("refreshToken", "is needed")
        signed = await info.context.accounts.refresh(input.refresh_token, info.context.client)
        return await _answer(info.context, signed)

    @strawberry.mutation(description="End this session; its tokens are refused everywhere within a second.")
    async def logout(self, info: Info) -> LogoutPayload:
        principal = info.context.principal
        return LogoutPayload(ended=await info.context.accounts.logout(principal) if principal else False)


async def _answer(context: Context, signed: Signed) -> AuthPayload:
    await context.become(Principal(signed.user.id, signed.session.id))
    return AuthPayload.of(signed)
