"""Accounts, as those see them who make, close and renew them."""

from datetime import datetime

import strawberry

from resolvers.account.types import User


@strawberry.input
class CreateUserInput:
    """Somebody new. Roles and attributes are given afterwards, as to anybody."""

    email: str
    display_name: str


@strawberry.input
class SwitchUserInput:
    """Whom to close out, or to let in again, and why."""

    user_id: strawberry.ID
    reason: str | None = None


@strawberry.input
class ResetPasswordInput:
    """Whose password is worth nothing from now on."""

    user_id: strawberry.ID


@strawberry.input
class CreateServiceAccountInput:
    """A service by its name: 2 to 63 of a-z, 0-9 and `-`."""

    name: str


@strawberry.input
class RenewServiceSecretInput:
    """Which service gets another secret."""

    user_id: strawberry.ID


@strawberry.type
class OneTimePasswordPayload:
    """What to hand to somebody."""

    user: User
    one_time_password: str = strawberry.field(
        description="Good for `changePassword`, with the address of the account. It can't be shown again."
    )
    expires_at: datetime
    applied: bool = strawberry.field(
        description="Whether every worker is known to refuse the account's earlier tokens; the others follow."
    )


@strawberry.type
class SwitchUserPayload:
    """How an account is now."""

    user: User
    applied: bool = strawberry.field(
        description="Whether every worker is known to refuse a closed account's tokens; the others follow."
    )
    permissions_token: str = strawberry.field(
        description="Sent back as `X-Permissions-At-Least`, it has requests decided with this change, on any worker."
    )


@strawberry.type
class ServiceSecretPayload:
    """What a service proves itself with at `POST /oauth/token`."""

    user: User
    client_id: str
    client_secret: str = strawberry.field(description="It can't be shown again.")
