"""Rotating the key that signs access tokens."""

import strawberry

from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import SIGNING_KEY
from resolvers.context import Info


@strawberry.input
class RotateSigningKeyInput:
    """How much of a hurry there is."""

    revoke_now: bool | None = strawberry.field(
        default=False,
        description="Refuse the tokens of all older keys at once, everywhere; `reason` is `key_revoked` then. Sessions "
        "go on: their refresh tokens give new ones.",
    )


@strawberry.type
class RotateSigningKeyPayload:
    """The key that signs now."""

    key_id: str = strawberry.field(description="The `kid` of the tokens that are given from now on.")


@strawberry.type
class Mutation:
    """The ring of signing keys."""

    @strawberry.mutation(
        description="Have a new key sign. Older ones verify until the last of their tokens has expired.",
        permission_classes=[may(Action.SIGNING_KEY_ROTATE)],
    )
    async def rotate_signing_key(
        self, info: Info, input: RotateSigningKeyInput | None = None
    ) -> RotateSigningKeyPayload:
        info.context.access.require(Action.SIGNING_KEY_ROTATE, Resource(SIGNING_KEY))
        revoke_now = input is not None and bool(input.revoke_now)
        rotated = await info.context.rotation.rotate(info.context.origin, revoke_now=revoke_now)
        return RotateSigningKeyPayload(key_id=rotated.key_id)
