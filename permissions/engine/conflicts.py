"""What holds when rules disagree: each strategy as a decision and as filters, side by side.

A decision takes the rules that matched and gives those that decide: nothing means deny, and so does a denial among
them. Its filters select the resources for which the decision would be allow.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from permissions.engine.filters import Filter, both, either
from permissions.engine.rules import Possible, Rule

Voter = frozenset[Rule]
"""The rules that count for one held role: its own, the inherited ones, and every policy."""


class ConflictStrategy(StrEnum):
    """The four ways to settle a conflict."""

    DENY_OVERRIDES = "deny_overrides"
    MOST_PERMISSIVE = "most_permissive"
    MOST_RESTRICTIVE = "most_restrictive"
    PRIORITY = "priority"


def deny_overrides(matched: Sequence[Rule], voters: Sequence[Voter]) -> Sequence[Rule]:
    """One denial outweighs every permit."""
    return [rule for rule in matched if rule.denies] or matched


def deny_overrides_filters(possible: Sequence[Possible], voters: Sequence[Voter]) -> Sequence[Filter]:
    clear = both(*(each.miss for each in possible if each.rule.denies))
    return [both(each.hit, clear) for each in possible if not each.rule.denies]


def most_permissive(matched: Sequence[Rule], voters: Sequence[Voter]) -> Sequence[Rule]:
    """One permit outweighs every denial."""
    return [rule for rule in matched if not rule.denies] or matched


def most_permissive_filters(possible: Sequence[Possible], voters: Sequence[Voter]) -> Sequence[Filter]:
    return [each.hit for each in possible if not each.rule.denies]


def most_restrictive(matched: Sequence[Rule], voters: Sequence[Voter]) -> Sequence[Rule]:
    """No denial, and every role held must permit."""
    denials = [rule for rule in matched if rule.denies]
    if denials:
        return denials
    return [] if any(voter.isdisjoint(matched) for voter in voters) else matched


def most_restrictive_filters(possible: Sequence[Possible], voters: Sequence[Voter]) -> Sequence[Filter]:
    clear = both(*(each.miss for each in possible if each.rule.denies))
    first, *others = (
        [each.hit for each in possible if each.rule in voter and not each.rule.denies] for voter in voters
    )
    agreed = both(clear, *(either(*permits) for permits in others))
    return [both(permit, agreed) for permit in first]


def priority(matched: Sequence[Rule], voters: Sequence[Voter]) -> Sequence[Rule]:
    """The rules of lowest rank decide; among equals a denial outweighs."""
    best = min((rule.rank for rule in matched), default=0)
    return deny_overrides([rule for rule in matched if rule.rank == best], voters)


def priority_filters(possible: Sequence[Possible], voters: Sequence[Voter]) -> Sequence[Filter]:
    found: list[Filter] = []
    silent: Filter = {}
    for _, ranked in groupby(sorted(possible, key=_rank), key=_rank):
        equals = list(ranked)
        found += [both(permit, silent) for permit in deny_overrides_filters(equals, voters)]
        silent = both(silent, *(each.miss for each in equals))
    return found


def _rank(possible: Possible) -> float:
    return possible.rule.rank


class Strategy(NamedTuple):
    """A strategy's two meanings."""

    decide: Callable[[Sequence[Rule], Sequence[Voter]], Sequence[Rule]]
    filters: Callable[[Sequence[Possible], Sequence[Voter]], Sequence[Filter]]


STRATEGIES: Final[Mapping[ConflictStrategy, Strategy]] = {
    ConflictStrategy.DENY_OVERRIDES: Strategy(deny_overrides, deny_overrides_filters),
    ConflictStrategy.MOST_PERMISSIVE: Strategy(most_permissive, most_permissive_filters),
    ConflictStrategy.MOST_RESTRICTIVE: Strategy(most_restrictive, most_restrictive_filters),
    ConflictStrategy.PRIORITY: Strategy(priority, priority_filters),
}
