"""MongoDB filters as values: everything, nothing, and, or, neither."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

Filter = Mapping[str, Any] | None
"""A filter as MongoDB takes it; `{}` matches everything, None nothing."""

EVERYTHING: Final[Filter] = {}
NOTHING: Final[Filter] = None


class Pair(NamedTuple):
    """Where a condition is true, and where it is false. What matches neither can't be judged."""

    true: Filter
    false: Filter


ALWAYS: Final = Pair(EVERYTHING, NOTHING)
NEVER: Final = Pair(NOTHING, EVERYTHING)
UNKNOWN: Final = Pair(NOTHING, NOTHING)
UNLISTABLE: Final = Pair({"$unlistable": "true"}, {"$unlistable": "false"})
"""What no filter can say. MongoDB refuses it, should it ever be sent there."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a type of resource keeps its attributes: some by name, the rest under one field.

    `shares` is whether it keeps shares: each in the list `shares`, and whom they are for in the list `grantees`.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    rest: str = "attributes"
    shares: bool = False

    def __getitem__(self, attribute: str) -> str:
        return self.named.get(attribute) or f"{self.rest}.{attribute}"


def both(*filters: Filter) -> Filter:
    """What all of them match. Fields stay on the top level as far as they can, where indexes find them."""
    merged: dict[str, Any] = {}
    rest: list[Any] = []
    for each in filters:
        if each is None:
            return NOTHING
        for key, value in each.items():
            _merge(merged, rest, key, value)
    return {**merged, "$and": rest} if rest else merged


def _merge(merged: dict[str, Any], rest: list[Any], key: str, value: Any) -> None:
    if key == "$and":
        rest[:] = _distinct([*rest, *value])
    elif key not in merged:
        merged[key] = value
    elif key == "$nor":
        merged[key] = _distinct([*merged[key], *value])
    elif repr(merged[key]) != repr(value):
        rest[:] = _distinct([*rest, {key: value}])


def _distinct(parts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each once, by its text: `{"$in": [1]}` equals `{"$in": [True]}` in Python, and isn't the same filter."""
    found = list(parts)
    return found if len(found) < 2 else list({repr(part): part for part in found}.values())


def either(*filters: Filter) -> Filter:
    """What at least one of them matches."""
    parts = alternatives(filters)
    if not parts:
        return NOTHING
    if {} in parts:
        return EVERYTHING
    return parts[0] if len(parts) == 1 else {"$or": parts}


def neither(*filters: Filter) -> Filter:
    """What none of them matches: the exact complement, whatever a document holds."""
    parts = alternatives(filters)
    if {} in parts:
        return NOTHING
    if len(parts) == 1 and parts[0].keys() == {"$nor"}:
        return either(*parts[0]["$nor"])
    return {"$nor": parts} if parts else EVERYTHING


def alternatives(filters: Iterable[Filter]) -> list[Mapping[str, Any]]:
    """Each way in which one of `filters` can match, once; a top-level `$or` is taken apart."""
    return _distinct(part for each in filters if each is not None for part in _or_parts(each))


def _or_parts(each: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return each["$or"] if each.keys() == {"$or"} else [each]


def apart(scope: Filter, field: str) -> Iterable[Filter]:
    """`scope` as alternatives that each say what `field` is, if its own alternatives do: an index answers each."""
    parts = scope.get("$or", ()) if scope else ()
    if not parts or not all(field in equalities(part) for part in parts):
        return [scope]
    rest = {key: value for key, value in (scope or {}).items() if key != "$or"}
    return [both(rest, part) for part in parts]


def equalities(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The `field: value` pairs that whatever `scope` matches has: for a first `$match` that an index answers."""
    found = {}
    for part in (scope, *scope.get("$and", ())):
        for key, test in part.items():
            if isinstance(test, Mapping) and "$eq" in test:
                found[key] = test["$eq"]
    return found


def is_listable(scope: Any) -> bool:
    """Whether nothing in `scope` is `UNLISTABLE`."""
    if isinstance(scope, Mapping):
        return "$unlistable" not in scope and all(map(is_listable, scope.values()))
    return not isinstance(scope, list) or all(map(is_listable, scope))
