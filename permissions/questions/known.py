"""Which actions there are: the built-in ones, those that types of resources declare, and those that rules name."""

from functools import lru_cache

from permissions.actions import Action, resource_type
from permissions.engine.snapshot import Snapshot


@lru_cache(maxsize=8)
def known_actions(snapshot: Snapshot) -> frozenset[str]:
    """Every action that somebody knows; patterns and levels are not among them."""
    levels = {level for levels in snapshot.conventions.levels.values() for level in levels}
    named = {each for each in _patterns(snapshot) if not each.endswith("*")}
    return frozenset({*map(str, Action), *snapshot.conventions.actions, *(named - levels)})


@lru_cache(maxsize=8)
def known_types(snapshot: Snapshot) -> frozenset[str]:
    """The types of resources that known actions, and patterns, speak of."""
    return frozenset(resource_type(each) for each in (*known_actions(snapshot), *_patterns(snapshot))) - {"*"}


def _patterns(snapshot: Snapshot) -> set[str]:
    named = {grant.action for role in snapshot.roles.values() for grant in role.grants}
    return named | {action for policy in snapshot.policies for action in policy.actions}
