"""Values for arguments, by their types: what is sent is drawn from what there is, and from what there never was."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

Given = GraphQLArgument | GraphQLInputField
Path = tuple[str, ...]
PLACES: Final = ("after", "before")
"""Arguments that take a cursor, by the end of their names."""
REQUIRED: Final[Mapping[str, Sequence[Any]]] = {
    "action": ["conversation:read", "user:read", "message:read", "session:read", "role:read", "sales_data:read"],
    "actions": [["conversation:read"]],
    "type": ["conversation", "user", "message", "session", "role", "policy", "sales_data"],
    "resourceType": ["conversation", "user"],
    "orderBy": ["UPDATED_DESC", "STARTED_ASC"],
    "by": [["USER"], ["OWNER"], ["TAG"], ["MODEL", "ROLE"], ["DAY"], ["HOUR"]],
    "timeZone": ["UTC", "Europe/Berlin"],
    "kind": ["decision", "role.changed", "login.failed"],
    "window": ["MO-FR 09:00-17:00 Europe/Berlin"],
}
"""What has a meaning of its own, by the name of the argument. What comes first is usual."""


@dataclass
class Pool:
    """`ids` by the type of the node, `texts` for whatever else is a text, `cursors` of others, by the list."""

    ids: Mapping[str, Sequence[str]]
    texts: Sequence[str]
    chance: Random = field(default_factory=lambda: Random(0))
    optional: float = 0.3
    """How often an argument is given that need not be."""
    cursors: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Given], path: Path = (), /, **fixed: Any) -> dict[str, Any]:
        """Values for all of them; a `fixed` one is found by its path with dots."""
        found = {}
        for name, one in given.items():
            where = ".".join((*path, name))
            if where in fixed:
                found[name] = fixed[where]
            elif _wanted(where, fixed) or _needed(one) or self.chance.random() < self.optional:
                found[name] = self.value(one.type, name, (*path, name), fixed)
        return found

    def value(self, type_: Any, name: str, path: Path, fixed: Mapping[str, Any]) -> Any:
        """One value."""
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if name in REQUIRED:
            return self.chance.choice(REQUIRED[name][: None if self.optional else 1])
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type, name, path, fixed) for _ in range(1 + self.chance.randrange(2))]
        if isinstance(type_, GraphQLInputObjectType):
            return self.arguments(type_.fields, path, **fixed)
        if isinstance(type_, GraphQLEnumType):
            return self.chance.choice(list(type_.values))
        if self.cursors and name.rpartition("_")[2] in PLACES:
            return self.chance.choice(self.cursors[self.chance.choice(list(self.cursors))])
        return self.chance.choice(self._plain(type_.name))

    def _plain(self, name: str) -> Sequence[Any]:
        match name:
            case "ID":
                return [each for some in self.ids.values() for each in some]
            case "Int":
                return [100, 1, 0, 20]
            case "Float":
                return [1.0, 0.0]
            case "Boolean":
                return [True, False]
            case "DateTime":
                return ["2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]
            case "JSON":
                return [{}, {"region": "EMEA"}, {"note": self.chance.choice(self.texts)}]
            case "String":
                return self.texts
        message = f"give the pool values for `{name}`"
        raise AssertionError(message)


def paths(given: Mapping[str, Given], kind: str, path: Path = (), seen: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Where arguments of that scalar lie, those within input objects too."""
    for name, one in given.items():
        named, here = get_named_type(one.type), (*path, name)
        if isinstance(named, GraphQLInputObjectType):
            if named.name not in seen:
                yield from paths(named.fields, kind, here, seen | {named.name})
        elif named.name == kind:
            yield here


def listed(given: Mapping[str, Given], path: Path) -> bool:
    """Whether the value at that path is in a list."""
    named = given[path[0]]
    if len(path) > 1:
        inner = get_named_type(named.type)
        return isinstance(inner, GraphQLInputObjectType) and listed(inner.fields, path[1:])
    type_ = named.type.of_type if isinstance(named.type, GraphQLNonNull) else named.type
    return isinstance(type_, GraphQLList)


def _wanted(where: str, fixed: Mapping[str, Any]) -> bool:
    return any(each.startswith(f"{where}.") for each in fixed)


def _needed(one: Given) -> bool:
    return is_required_argument(one) if isinstance(one, GraphQLArgument) else is_required_input_field(one)
