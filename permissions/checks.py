"""What may be stored: names, sizes, actions that exist, conditions that can be read, times that make sense."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from models.policy import Policy
from models.resource_type import ResourceType as StoredType
from models.role import Role, RoleAssignment
from permissions.engine.cel.compile import compiled
from permissions.engine.errors import ConditionError, RulesError, WindowError
from permissions.engine.resource_type import ResourceType
from permissions.engine.rulebook import PATTERN
from permissions.engine.windows import Window
from permissions.errors import InvalidChangeError
from permissions.resources import TYPES, USER, schemas
from permissions.state import State, engine_type

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
PARENTS: Final = 100
GRANTS: Final = 1_000
ACTIONS: Final = 100
WORDS: Final = 200
TEXT: Final = 2_000

Types = Mapping[str, ResourceType]


def check_role(role: Role, types: Types) -> None:
    """Raise `InvalidChangeError` for a role that can't be meant. Whether its parents exist is for the graph to say."""
    _check_name(role.id, role.description)
    _check_size("inherits", role.inherits, PARENTS)
    _check_size("grants", role.grants, GRANTS)
    if len(set(role.inherits)) < len(role.inherits):
        raise InvalidChangeError("inherits", "names a role twice")
    for grant in role.grants:
        check_pattern(grant.action, types, "grants")
        check_condition(grant.condition, [grant.action], types, "grants")


def check_policy(policy: Policy, types: Types) -> None:
    """Raise `InvalidChangeError` for a policy that can't be meant."""
    _check_name(policy.id, policy.description)
    _check_size("actions", policy.actions, ACTIONS)
    if not policy.actions:
        raise InvalidChangeError("actions", "names no action")
    for action in policy.actions:
        check_pattern(action, types, "actions")
    check_condition(policy.when, policy.actions, types, "when")
    check_condition(policy.unless, policy.actions, types, "unless")


def check_type(stored: StoredType) -> None:
    """Raise `InvalidChangeError` for a type of resource that can't be meant; `user` is the built-in one that can."""
    _check_text("description", stored.description)
    for field, words in (("actions", stored.actions), ("levels", stored.levels), ("attributes", stored.attributes)):
        _check_size(field, words, WORDS)
    if stored.id in TYPES and stored.id != USER:
        raise InvalidChangeError("name", f"`{stored.id}` is built in")
    if stored.id == USER and (stored.actions or stored.levels or stored.strategy):
        raise InvalidChangeError("name", f"`{USER}` is built in: only its `attributes` can be added to")
    try:
        engine_type(stored)
    except RulesError as error:
        raise InvalidChangeError("input", str(error)) from error


def check_graph(state: State) -> None:
    """Raise `InvalidChangeError` where a role inherits from itself, or from nothing."""
    try:
        _ = state.graph
    except RulesError as error:
        path = getattr(error, "path", None)
        raise InvalidChangeError("inherits", str(error), {"path": list(path)} if path else None) from error


def check_pattern(pattern: str, types: Types, field: str) -> None:
    """Raise `InvalidChangeError` for what is neither an action, nor a level, nor a pattern of actions that exist."""
    type_, _, verb = pattern.partition(":")
    if not PATTERN.fullmatch(pattern):
        raise InvalidChangeError(field, f"not an action or a pattern of actions: `{pattern[:100]}`")
    if pattern == "*":
        return
    known = types.get(type_)
    if known is None:
        raise InvalidChangeError(field, f"unknown type of resource: `{type_}`", {"known": sorted(types)})
    if not known.expand(verb):
        raise InvalidChangeError(
            field, f"unknown action: `{pattern}`", {"known": sorted([*known.actions, *known.levels])}
        )


def check_condition(condition: str | None, actions: Sequence[str], types: Types, field: str) -> None:
    """Raise `InvalidChangeError` for a condition that isn't right by the schema of each type of resource."""
    if condition is None:
        return
    try:
        for schema in schemas(actions, types):
            compiled(condition, schema)
    except ConditionError as error:
        where = {"line": error.line, "column": error.column, "known": list(error.known)}
        raise InvalidChangeError(field, str(error), where) from error


def check_times(assignment: RoleAssignment, at: datetime) -> None:
    """Raise `InvalidChangeError` for an assignment that could never hold from `at` on."""
    start = max(assignment.valid_from or at, at)
    end = assignment.valid_until
    if end is not None and assignment.valid_from is not None and end <= assignment.valid_from:
        raise InvalidChangeError("validUntil", "is not after `validFrom`")
    if end is not None and end <= at:
        raise InvalidChangeError("validUntil", "lies in the past")
    if assignment.window is None:
        return
    try:
        opens = Window.parse(assignment.window).opens(start, end)
    except WindowError as error:
        raise InvalidChangeError("window", error.reason) from error
    if not opens:
        raise InvalidChangeError("window", "never opens while the assignment lasts")


def check_reason(reason: str | None) -> None:
    """Raise `InvalidChangeError` for one that is too long."""
    _check_text("reason", reason)


def _check_name(name: str, description: str | None) -> None:
    if not NAME.fullmatch(name):
        raise InvalidChangeError(
            "name", "must begin with a letter, and be at most 64 letters, digits, `_`, `.` and `-`"
        )
    _check_text("description", description)


def _check_text(field: str, text: str | None) -> None:
    if text is not None and len(text) > TEXT:
        raise InvalidChangeError(field, f"is longer than {TEXT} characters")


def _check_size(field: str, found: Iterable[Any], limit: int) -> None:
    if len(list(found)) > limit:
        raise InvalidChangeError(field, f"has more than {limit} entries")
