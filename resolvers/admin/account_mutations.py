"""Accounts made, closed and opened; passwords and secrets replaced."""

import strawberry

from models.user import User as StoredUser
from permissions.actions import Action
from permissions.administration import Switched
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import USER, user_resource
from resolvers.account.reach import readable_user
from resolvers.account.types import User
from resolvers.admin.accounts import (
    CreateServiceAccountInput,
    CreateUserInput,
    OneTimePasswordPayload,
    RenewServiceSecretInput,
    ResetPasswordInput,
    ServiceSecretPayload,
    SwitchUserInput,
    SwitchUserPayload,
)
from resolvers.admin.changer import changer
from resolvers.context import Context, Info
from resolvers.errors import NotFoundError
from resolvers.ids import object_id, permissions_token


@strawberry.type
class Mutation:
    """Other people's accounts. Nobody gets hold of one that may do more than he."""

    @strawberry.mutation(
        description="An account for somebody, without roles, with a password to hand to him.",
        permission_classes=[may(Action.USER_CREATE)],
    )
    async def create_user(self, info: Info, input: CreateUserInput) -> OneTimePasswordPayload:
        info.context.access.require(Action.USER_CREATE, Resource(USER))
        user, handed = await info.context.administration.create_user(input.email, input.display_name, changer(info))
        return OneTimePasswordPayload(
            user=User.of(user),
            one_time_password=handed.password,
            expires_at=handed.expires_at,
            applied=handed.applied,
        )

    @strawberry.mutation(
        description="Close an account: its sessions are over, and nobody signs in to it.",
        permission_classes=[may(Action.USER_DISABLE)],
    )
    async def disable_user(self, info: Info, input: SwitchUserInput) -> SwitchUserPayload:
        user = await _reached(info.context, input.user_id, Action.USER_DISABLE)
        switched = await info.context.administration.disable(user.id, changer(info), input.reason)
        return await _switched(info.context, user, switched)

    @strawberry.mutation(
        description="Open an account again. Sessions that were over stay over.",
        permission_classes=[may(Action.USER_DISABLE)],
    )
    async def enable_user(self, info: Info, input: SwitchUserInput) -> SwitchUserPayload:
        user = await _reached(info.context, input.user_id, Action.USER_DISABLE)
        switched = await info.context.administration.enable(user.id, changer(info), input.reason)
        return await _switched(info.context, user, switched)

    @strawberry.mutation(
        description="Make somebody's password worthless, end his sessions, and get one that lets him choose another.",
        permission_classes=[may(Action.USER_RESET_PASSWORD)],
    )
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> OneTimePasswordPayload:
        user = await _reached(info.context, input.user_id, Action.USER_RESET_PASSWORD)
        handed = await info.context.administration.reset_password(user.id, changer(info))
        return OneTimePasswordPayload(
            user=User.of(user),
            one_time_password=handed.password,
            expires_at=handed.expires_at,
            applied=handed.applied,
        )

    @strawberry.mutation(
        description="An account for a service, without roles, with its secret.",
        permission_classes=[may(Action.USER_MANAGE_SERVICES)],
    )
    async def create_service_account(self, info: Info, input: CreateServiceAccountInput) -> ServiceSecretPayload:
        info.context.access.require(Action.USER_MANAGE_SERVICES, Resource(USER))
        user, secret = await info.context.administration.create_service(input.name, changer(info))
        return ServiceSecretPayload(user=User.of(user), client_id=user.email, client_secret=secret)

    @strawberry.mutation(
        description="Another secret for a service; the old one, and the tokens that it got, are worth nothing.",
        permission_classes=[may(Action.USER_MANAGE_SERVICES)],
    )
    async def renew_service_secret(self, info: Info, input: RenewServiceSecretInput) -> ServiceSecretPayload:
        user = await _reached(info.context, input.user_id, Action.USER_MANAGE_SERVICES)
        secret = await info.context.administration.renew_secret(user.id, changer(info))
        return ServiceSecretPayload(user=User.of(user), client_id=user.email, client_secret=secret)


async def _reached(context: Context, id: strawberry.ID, action: Action) -> StoredUser:
    """An account to which the caller may do `action`. Who may not know of it learns nothing."""
    user = await readable_user(context, object_id(id, "User", "userId"))
    if user is None:
        raise NotFoundError("User")
    context.access.require(action, user_resource(user))
    return user


async def _switched(context: Context, user: StoredUser, switched: Switched) -> SwitchUserPayload:
    context.loaders.users.clear(user.id)
    changed = await context.loaders.users.load(user.id) or user
    return SwitchUserPayload(
        user=User.of(changed), applied=switched.applied, permissions_token=permissions_token(switched.revision)
    )
