"""The policies that every installation starts with, and the roles of the demo world."""

from typing import Final

from models.policy import Policy
from models.resource_type import ResourceType
from models.role import Grant, GrantEffect, Role
from permissions.changes import SYSTEM, PermissionChanges, Witness
from permissions.store import PermissionStore

OWN: Final = "resource.owner_id == user.id"
ONESELF: Final = "resource.id == user.id"
CLEARED: Final = "user.clearance >= resource.clearance_required"
NEARBY: Final = f"resource.region == user.region && {CLEARED}"
LESSER: Final = '!("super_admin" in user.roles)'
"""Whoever isn't a super admin: he inherits from `guest`, too, and a denial would come along."""


def policies() -> list[Policy]:
    """What everybody may do, whatever his roles. Made anew: documents can't be built before the database is bound."""
    return [
        Policy(
            id="own_conversations",
            effect=GrantEffect.ALLOW,
            actions=["conversation:*", "message:*"],
            when=OWN,
            description="Who owns a conversation may do everything with it and its messages.",
        ),
        Policy(
            id="shared_reading",
            effect=GrantEffect.ALLOW,
            actions=[*READING],
            when='shared("read")',
            description="With whom a conversation was shared may read it: him, or whoever holds a role.",
        ),
        Policy(
            id="shared_writing",
            effect=GrantEffect.ALLOW,
            actions=["message:append", "message:edit", "message:ask"],
            when='shared("write")',
            description="With whom a conversation was shared for writing may answer in it, and write new versions.",
        ),
        Policy(
            id="own_account",
            effect=GrantEffect.ALLOW,
            actions=["user:read", "user:read_email"],
            when=ONESELF,
            description="Everybody sees his own account.",
        ),
        Policy(
            id="own_sessions",
            effect=GrantEffect.ALLOW,
            actions=["session:*"],
            when=OWN,
            description="Everybody sees and ends his own sessions.",
        ),
    ]


def demo_types() -> list[ResourceType]:
    """What another service would ask about: the sales data and the reports of the case study."""
    attributes = {"region": "string", "department": "string", "clearance_required": "number"}
    return [
        ResourceType(
            id="sales_data",
            actions=["read", "write"],
            levels={"read_only": ["read"], "read_write": ["read", "write"]},
            attributes=attributes,
            description="Figures of sales.",
        ),
        ResourceType(id="report", actions=["create", "read"], attributes=attributes, description="Reports on them."),
    ]


def demo_roles() -> list[Role]:
    """The case study's hierarchy: super_admin > admin > senior_analyst > analyst; data_scientist, guest beside them.

    `report_viewer` stands alone, and denies: whoever holds it sees no metadata, not even his own. What a role says of
    `sales_data` and `report` is John's table of the case study, where “none” is a denial.
    """
    return [
        Role(
            id="guest",
            grants=[
                Grant(action="sales_data:read_only"),
                Grant(effect=GrantEffect.DENY, action="report:*", condition=LESSER),
            ],
            priority=4,
            description="His own conversations; reads sales data, and no reports.",
        ),
        Role(
            id="analyst",
            grants=[Grant(action="sales_data:read_write"), Grant(action="report:create")],
            priority=3,
            description="His own conversations; reads and writes sales data, and creates reports.",
        ),
        Role(
            id="report_viewer",
            grants=[
                Grant(effect=GrantEffect.DENY, action="message:read_metadata"),
                Grant(effect=GrantEffect.DENY, action="sales_data:*"),
                Grant(action="report:read"),
            ],
            priority=5,
            description="Reads reports; sees no metadata of messages, and no sales data.",
        ),
        Role(
            id="senior_analyst",
            inherits=["analyst"],
            grants=[*_reading(NEARBY), Grant(action="user:read")],
            description="Reads conversations of his region, up to his clearance.",
        ),
        Role(
            id="data_scientist",
            grants=[*_reading(CLEARED), Grant(action="user:read")],
            description="Reads conversations of every region, up to his clearance.",
        ),
        Role(
            id="admin",
            inherits=["senior_analyst", "data_scientist"],
            grants=[*_reading(), *(Grant(action=action) for action in ADMIN)],
            priority=2,
            description="Reads everything, and runs the place.",
        ),
        Role(
            id="super_admin",
            inherits=["admin", "guest"],
            grants=[Grant(action="*")],
            priority=1,
            description="May do everything.",
        ),
        decision_client(),
    ]


def decision_client() -> Role:
    """What another service holds that leaves its decisions to this one (AuthZEN)."""
    return Role(
        id="policy_decision_client",
        grants=[Grant(action="permission:evaluate")],
        description="Asks what others may do, for a service that lets it happen or not.",
    )


def assistant() -> Role:
    """What the assistant's account holds: it writes where it was asked to, and nothing else.

    That is a fact which only the assistant's own worker tells, for the length of an answer.
    """
    return Role(
        id="assistant",
        grants=[Grant(action="message:append", condition="resource.asked == true")],
        description="Answers messages where somebody asks for it.",
    )


READING: Final = ("conversation:read", "message:read", "message:read_metadata")
ADMIN: Final = (
    *("user:*", "session:*", "sales_data:*", "report:*"),
    *("role:read", "role:assign", "policy:read", "permission:read", "audit:read", "schema:introspect", "token:revoke"),
)


def _reading(condition: str | None = None) -> list[Grant]:
    return [Grant(action=action, condition=condition) for action in READING]


async def ensure_policies(witness: Witness | None = None) -> None:
    """Put in the built-in policies that are missing; one that was changed stays as it is."""
    await _changes(witness).put(policies(), SYSTEM, "built in", only_missing=True)


async def ensure_super_admin(witness: Witness | None = None) -> None:
    """Put in the role from which all others can be made, where there is none of its name."""
    role = Role(id="super_admin", grants=[Grant(action="*")], priority=1, description="May do everything.")
    await _changes(witness).put([role], SYSTEM, "built in", only_missing=True)


async def ensure_decision_client(witness: Witness | None = None) -> None:
    """Put in the role of services that ask for decisions, where there is none of its name."""
    await _changes(witness).put([decision_client()], SYSTEM, "built in", only_missing=True)


async def ensure_demo_roles(witness: Witness | None = None) -> None:
    """Put in the demo world's roles, and the types of resources that they speak of, where they are missing."""
    await _changes(witness).put([*demo_types(), *demo_roles()], SYSTEM, "demo world", only_missing=True)


def _changes(witness: Witness | None) -> PermissionChanges:
    return PermissionChanges(PermissionStore(), witness=witness) if witness else PermissionChanges(PermissionStore())
