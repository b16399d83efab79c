"""Having another password."""

import strawberry

from permissions.authn.errors import UnauthenticatedError
from resolvers.context import Context, Info
from resolvers.errors import BadInputError


@strawberry.input
class ChangePasswordInput:
    """The password that one has, and the one to have."""

    current_password: str
    new_password: str = strawberry.field(description="12 characters or more, and not one that everybody tries.")
    email: str | None = strawberry.field(
        default=None, description="Whose it is, for who isn't signed in: with a one-time password nobody can."
    )


@strawberry.type
class ChangePasswordPayload:
    """What it ended."""

    ended_sessions: int
    applied: bool = strawberry.field(
        description="Whether every worker is known to refuse the tokens of those sessions; the others follow."
    )


@strawberry.type
class Mutation:
    """Passwords."""

    @strawberry.mutation(
        description="Have another password. All other sessions end. Wrong guesses count as at `login`, and get "
        "the same answers."
    )
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordPayload:
        context = info.context
        email = await _email(context, input.email)
        over = await context.accounts.credentials.change(
            email, input.current_password, input.new_password, context.client, context.principal
        )
        return ChangePasswordPayload(ended_sessions=len(over.ended), applied=over.applied)


async def _email(context: Context, given: str | None) -> str:
    """The address of the account: one's own, or for who isn't signed in the one that he gives."""
    principal = context.principal
    if principal is None:
        if given is None:
            context.access.require_not_refused()
            raise UnauthenticatedError
        return given
    if given is not None:
        raise BadInputError("email", "must be left out: you are signed in")
    user = await context.loaders.users.load(principal.user_id)
    if user is None:
        raise UnauthenticatedError
    return user.email
