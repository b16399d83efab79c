"""No escalation: who changes what others may do must be able to do it himself.

Rules are compared, not decided: a clause is covered by an allow that speaks of as much at least, without a condition or
with the same one, and not at all where a deny speaks of any part of it. So some changes are refused that would do no
harm, and none is let through because a condition happens to hold. Who holds a role for a time gives it for that time at
most, and resets no password of an account that has it for longer. Changes of rules have no end, so there the moment
counts, and the log tells who made them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.policy import Policy, PolicyMode
from models.role import GrantEffect, Role, RoleAssignment
from permissions.actions import resource_type
from permissions.engine.facts import Assignment, Subject
from permissions.engine.resource_type import ResourceType
from permissions.state import State

EVERYTHING: Final = "*"
Types = Mapping[str, ResourceType]


@dataclass(frozen=True, slots=True)
class Clause:
    """A rule laid open: one action or pattern; the condition as written, None if there is none."""

    denies: bool
    pattern: str
    condition: str | None = None


def uncovered(own: Iterable[Clause], changed: Iterable[Clause]) -> list[str]:
    """The patterns among `changed`, allowed or denied, that somebody with the rules `own` may not touch, sorted."""
    own = list(own)
    allows, denies = [each for each in own if not each.denies], [each for each in own if each.denies]
    if Clause(False, EVERYTHING) in allows:
        return []
    return sorted({each.pattern for each in changed if not _covered(each, allows, denies)})


def _covered(clause: Clause, allows: Iterable[Clause], denies: Iterable[Clause]) -> bool:
    return any(covers(each, clause) for each in allows) and not any(
        overlap(each.pattern, clause.pattern) for each in denies
    )


def covers(wide: Clause, narrow: Clause) -> bool:
    """Whether `wide` speaks wherever `narrow` does, as far as their texts tell."""
    return includes(wide.pattern, narrow.pattern) and wide.condition in (None, narrow.condition)


def includes(wide: str, narrow: str) -> bool:
    """Whether every action that fits `narrow` fits `wide`."""
    return wide in (EVERYTHING, narrow) or (narrow != EVERYTHING and wide == f"{resource_type(narrow)}:*")


def overlap(one: str, other: str) -> bool:
    """Whether any action fits both."""
    return includes(one, other) or includes(other, one)


def clauses_of_role(state: State, name: str) -> set[Clause]:
    """All that a role says, with what it inherits; nothing if there is no such role."""
    return {clause for role in state.graph.closure(name) for clause in grants(state.roles[role], state.known_types)}


def grants(role: Role, types: Types) -> Iterator[Clause]:
    """What a role says by itself."""
    for grant in role.grants:
        for pattern in expanded(grant.action, types):
            yield Clause(grant.effect is GrantEffect.DENY, pattern, written(grant.condition))


def clauses_of_policy(policy: Policy | None, types: Types) -> set[Clause]:
    """What a policy says, if it is there and counts."""
    if policy is None or policy.mode is not PolicyMode.ENFORCE:
        return set()
    when, unless = written(policy.when), written(policy.unless)
    condition = when if unless is None else f"({when}) unless ({unless})"
    patterns = (pattern for action in policy.actions for pattern in expanded(action, types))
    return {Clause(policy.effect is GrantEffect.DENY, pattern, condition) for pattern in patterns}


def clauses_of_everybody(state: State) -> set[Clause]:
    """What the policies say."""
    return {clause for each in state.policies.values() for clause in clauses_of_policy(each, state.known_types)}


def roles_outlasting(subject: Subject, given: RoleAssignment, at: datetime) -> set[str]:
    """The roles that `subject` holds at that moment, and will hold for as long as what he gives."""
    return {each.role for each in subject.assignments if each.holds(at) and _outlasts(each, given)}


def lasting(state: State, subject: Subject | None, given: RoleAssignment, at: datetime) -> set[Clause]:
    """What `subject` may do at that moment, and for as long as `given` holds; with all that denies him anything now."""
    now = {clause for role in subject.roles_at(at) for clause in clauses_of_role(state, role)} if subject else set()
    then = roles_outlasting(subject, given, at) if subject else set()
    kept = {clause for role in then for clause in clauses_of_role(state, role)}
    return kept | {clause for clause in now if clause.denies} | clauses_of_everybody(state)


def _outlasts(own: Assignment, given: RoleAssignment) -> bool:
    """Hours are compared by their text: others may be within them, which nobody proves here."""
    until = given.valid_until
    ends_first = own.valid_until is not None and (until is None or own.valid_until < until)
    return not ends_first and (own.window is None or own.window.text == given.window)


def expanded(pattern: str, types: Types) -> tuple[str, ...]:
    """The actions of a level; any other pattern as it is."""
    type_, _, verb = pattern.partition(":")
    known = types.get(type_)
    return known.expand(verb) if known and verb in known.levels else (pattern,)


def written(condition: str | None) -> str | None:
    """A condition as text, the same for the same condition."""
    return None if condition is None else str(condition)


def reads(clause: Clause, attributes: Iterable[str]) -> bool:
    """Whether the condition may depend on one of these attributes of an account."""
    text = clause.condition or ""
    whole = re.search(r"\buser\b(?!\s*\.)", text)
    return bool(whole) or any(re.search(rf"\buser\s*\.\s*{re.escape(name)}\b", text) for name in attributes)


def constant(clause: Clause) -> bool:
    """Whether it speaks the same whoever asks about what, as far as its text tells."""
    return not re.search(r"\b(user|resource|env|shared)\b", clause.condition or "")
