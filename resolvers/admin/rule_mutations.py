"""Changing roles, who holds them, policies and types of resources, and what policies read of accounts."""

import strawberry
from beanie import PydanticObjectId

from models import role as stored_roles
from models.clock import now
from permissions.actions import Action
from permissions.guards import may
from permissions.resources import policy_resource, role_resource, user_resource
from resolvers.account.reach import readable_user
from resolvers.account.types import Role, RoleAssignment, User
from resolvers.admin.changer import changer
from resolvers.admin.rule_inputs import (
    AssignRoleInput,
    EndRoleAssignmentInput,
    PolicyInput,
    ResourceTypeInput,
    RoleInput,
    SetUserAttributesInput,
    policy_of,
    resource_type_of,
    role_fields,
)
from resolvers.admin.rules import (
    DeleteRolePayload,
    Policy,
    PolicyPayload,
    ResourceType,
    ResourceTypePayload,
    RoleAssignmentPayload,
    RolePayload,
    UserAttributesPayload,
)
from resolvers.context import Context, Info
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import object_id, permissions_token


@strawberry.type
class Mutation:
    """Permissions. Nobody gives, or takes away, what he may not do himself."""

    @strawberry.mutation(description="A new role.", permission_classes=[may(Action.ROLE_WRITE)])
    async def create_role(self, info: Info, input: RoleInput) -> RolePayload:
        info.context.access.require(Action.ROLE_WRITE, role_resource(input.name))
        role = stored_roles.Role(id=input.name, **role_fields(input))
        return await _role(info.context, input.name, await info.context.changes.create_role(role, changer(info)))

    @strawberry.mutation(
        description="Change a role; what is left out stays as it is.", permission_classes=[may(Action.ROLE_WRITE)]
    )
    async def update_role(self, info: Info, input: RoleInput) -> RolePayload:
        info.context.access.require(Action.ROLE_WRITE, role_resource(input.name))
        revision = await info.context.changes.update_role(input.name, role_fields(input), changer(info))
        return await _role(info.context, input.name, revision)

    @strawberry.mutation(
        description="Delete a role. One that is inherited or assigned only with `cascade`, which ends that too.",
        permission_classes=[may(Action.ROLE_WRITE)],
    )
    async def delete_role(
        self, info: Info, name: str, cascade: bool = False, reason: str | None = None
    ) -> DeleteRolePayload:
        info.context.access.require(Action.ROLE_WRITE, role_resource(name))
        revision = await info.context.changes.delete_role(name, changer(info), reason, cascade=cascade)
        info.context.loaders.forget_rules()
        return DeleteRolePayload(name=name, permissions_token=permissions_token(revision))

    @strawberry.mutation(
        description="Give somebody a role, for a time or for good.", permission_classes=[may(Action.ROLE_ASSIGN)]
    )
    async def assign_role(self, info: Info, input: AssignRoleInput) -> RoleAssignmentPayload:
        info.context.access.require(Action.ROLE_ASSIGN, role_resource(input.role))
        user = await readable_user(info.context, object_id(input.user_id, "User", "userId"))
        if user is None:
            raise NotFoundError("User")
        assignment = stored_roles.RoleAssignment(
            user_id=user.id,
            role=input.role,
            valid_from=input.valid_from,
            valid_until=input.valid_until,
            window=input.window,
            granted_at=now(),
            reason=input.reason,
        )
        revision = await info.context.changes.assign(assignment, changer(info))
        return await _assignment(info.context, assignment.id, revision)

    @strawberry.mutation(
        description="End an assignment now; it stays in the records.", permission_classes=[may(Action.ROLE_ASSIGN)]
    )
    async def end_role_assignment(self, info: Info, input: EndRoleAssignmentInput) -> RoleAssignmentPayload:
        id_ = object_id(input.assignment_id, "RoleAssignment", "assignmentId")
        stored = await stored_roles.RoleAssignment.find_one({"_id": id_})
        if stored is None:
            raise NotFoundError("RoleAssignment")
        info.context.access.require(Action.ROLE_ASSIGN, role_resource(stored.role))
        revision = await info.context.changes.end_assignment(id_, changer(info), input.reason)
        return await _assignment(info.context, id_, revision)

    @strawberry.mutation(
        description="A policy, new or in place of the one of its name.", permission_classes=[may(Action.POLICY_WRITE)]
    )
    async def put_policy(self, info: Info, input: PolicyInput) -> PolicyPayload:
        info.context.access.require(Action.POLICY_WRITE, policy_resource(input.name))
        policy = policy_of(input)
        revision = await info.context.changes.put_policy(policy, changer(info))
        stored = (await info.context.permissions.ground()).state.policies.get(policy.id, policy)
        return PolicyPayload(policy=Policy.of(stored), permissions_token=permissions_token(revision))

    @strawberry.mutation(
        description="A type of resource that others may ask about, new or in place of the one of its name.",
        permission_classes=[may(Action.POLICY_WRITE)],
    )
    async def put_resource_type(self, info: Info, input: ResourceTypeInput) -> ResourceTypePayload:
        info.context.access.require(Action.POLICY_WRITE, policy_resource(input.name))
        revision = await info.context.changes.put_resource_type(resource_type_of(input), changer(info))
        known = (await info.context.permissions.ground()).state.known_types[input.name]
        return ResourceTypePayload(resource_type=ResourceType.of(known), permissions_token=permissions_token(revision))

    @strawberry.mutation(
        description="Replace what policies read of an account: region, clearance …",
        permission_classes=[may(Action.USER_UPDATE)],
    )
    async def set_user_attributes(self, info: Info, input: SetUserAttributesInput) -> UserAttributesPayload:
        user = await readable_user(info.context, object_id(input.user_id, "User", "userId"))
        if user is None:
            raise NotFoundError("User")
        info.context.access.require(Action.USER_UPDATE, user_resource(user))
        if not isinstance(input.attributes, dict):
            raise BadInputError("attributes", "must be an object")
        revision = await info.context.changes.set_attributes(user.id, input.attributes, changer(info), input.reason)
        info.context.loaders.users.clear(user.id)
        changed = await info.context.loaders.users.load(user.id) or user
        return UserAttributesPayload(user=User.of(changed), permissions_token=permissions_token(revision))


async def _role(context: Context, name: str, revision: int) -> RolePayload:
    context.loaders.forget_rules()
    stored = await context.loaders.roles.load(name)
    if stored is None:  # deleted by somebody else, right behind us
        raise NotFoundError("Role")
    return RolePayload(role=Role.of(stored), permissions_token=permissions_token(revision))


async def _assignment(context: Context, id_: PydanticObjectId, revision: int) -> RoleAssignmentPayload:
    context.loaders.forget_rules()
    stored = await stored_roles.RoleAssignment.find_one({"_id": id_})
    user = await context.loaders.users.load(stored.user_id) if stored else None
    role = await context.loaders.roles.load(stored.role) if stored else None
    if not (stored and user and role):
        raise NotFoundError("RoleAssignment")
    return RoleAssignmentPayload(
        assignment=RoleAssignment.of(stored, role, User.of(user)), permissions_token=permissions_token(revision)
    )
