"""All rules as stored, at one revision: what changes are made to, and what a snapshot is compiled from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self

from beanie.odm.utils.dump import get_dict

from models.permission_change import ChangeKind, PermissionChange
from models.policy import Policy as StoredPolicy
from models.policy import PolicyMode
from models.resource_type import ResourceType as StoredType
from models.role import Role as StoredRole
from models.role import RoleAssignment
from permissions.engine.resource_type import ResourceType, resource_type
from permissions.engine.roles import RoleGraph
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Conventions, Snapshot
from permissions.resources import TYPES, USER

Record = Mapping[str, Any]
"""A document as it is stored."""
Stored = StoredRole | StoredPolicy | StoredType

RULES: Final = (ChangeKind.ROLE, ChangeKind.POLICY, ChangeKind.RESOURCE_TYPE)
"""The kinds of change that make another snapshot."""


@dataclass(frozen=True)
class State:
    """Immutable. By name."""

    roles: Mapping[str, StoredRole] = field(default_factory=dict)
    policies: Mapping[str, StoredPolicy] = field(default_factory=dict)
    types: Mapping[str, StoredType] = field(default_factory=dict)

    @classmethod
    async def load(cls) -> Self:
        """As the collections are now; what changes meanwhile may be in it by half."""
        roles = await StoredRole.find_all().to_list()
        policies = await StoredPolicy.find_all().to_list()
        types = await StoredType.find_all().to_list()
        return cls(_by_name(roles), _by_name(policies), _by_name(types))

    def changed(self, kind: ChangeKind, key: str, record: Record | None) -> Self:
        """With one record put, or taken away; the same for a kind that is no rule."""
        match kind:
            case ChangeKind.ROLE:
                return replace(self, roles=_with(self.roles, key, record and StoredRole.model_validate(record)))
            case ChangeKind.POLICY:
                return replace(self, policies=_with(self.policies, key, record and StoredPolicy.model_validate(record)))
            case ChangeKind.RESOURCE_TYPE:
                return replace(self, types=_with(self.types, key, record and StoredType.model_validate(record)))
        return self

    def after(self, changes: Iterable[PermissionChange]) -> Self:
        """With `changes` made, oldest first."""
        state = self
        for change in changes:
            state = state.changed(change.kind, change.key, change.after)
        return state

    def undone(self, changes: Iterable[PermissionChange]) -> Self:
        """As before `changes`, newest first."""
        state = self
        for change in changes:
            state = state.changed(change.kind, change.key, change.before)
        return state

    @cached_property
    def graph(self) -> RoleGraph:
        """Who inherits from whom. Raises `RulesError` for a cycle, or an unknown parent."""
        return RoleGraph({name: role.inherits for name, role in self.roles.items()})

    @property
    def enforced(self) -> list[StoredPolicy]:
        """The policies that count."""
        return [policy for policy in self.policies.values() if policy.mode is PolicyMode.ENFORCE]

    @property
    def shadows(self) -> list[StoredPolicy]:
        """The policies that are judged, and don't count."""
        return [policy for policy in self.policies.values() if policy.mode is PolicyMode.SHADOW]

    def snapshot(self, revision: int, like: "tuple[State, Snapshot] | None" = None) -> Snapshot:
        """Compiled; `like` is another state and its snapshot, from which what is the same is taken over."""
        known = like[1].compiled if like and like[0].roles is self.roles else None
        return Snapshot(
            known or map(engine_role, self.roles.values()),
            map(engine_policy, self.enforced),
            shadows=map(engine_policy, self.shadows),
            revision=str(revision),
            conventions=Conventions.of(self.known_types.values()),
            like=like[1] if like else None,
        )

    @cached_property
    def known_types(self) -> Mapping[str, ResourceType]:
        """The built-in types of resources and the stored ones; a stored `user` adds to the attributes of accounts."""
        stored = {name: engine_type(each) for name, each in self.types.items()}
        user = stored.pop(USER, None)
        own = {USER: replace(TYPES[USER], attributes={**user.attributes, **TYPES[USER].attributes})} if user else {}
        return {**stored, **TYPES, **own}


def engine_role(stored: StoredRole) -> Role:
    """A stored role, as the engine takes it."""
    grants = (Grant(Effect(grant.effect), grant.action, grant.condition) for grant in stored.grants)
    return Role(stored.id, tuple(stored.inherits), tuple(grants), stored.priority)


def engine_policy(stored: StoredPolicy) -> Policy:
    """A stored policy, as the engine takes it."""
    return Policy(stored.id, Effect(stored.effect), tuple(stored.actions), stored.when, stored.unless)


def engine_type(stored: StoredType) -> ResourceType:
    """A stored type of resource, as the engine takes it. Raises `SchemaError`."""
    return resource_type(
        stored.id, stored.actions, stored.levels, stored.attributes, stored.context, strategy=stored.strategy
    )


def record_of(document: Stored | RoleAssignment) -> Record:
    """What is stored of it."""
    record: Record = get_dict(document, to_db=True)
    return record


def _by_name(documents: Iterable[Any]) -> dict[str, Any]:
    return {each.id: each for each in documents}


def _with(known: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    rest = {name: each for name, each in known.items() if name != key}
    return rest if value is None else {**rest, key: value}
