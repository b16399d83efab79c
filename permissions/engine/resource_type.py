"""Types of resources as data: what can be done to them, and what conditions may read of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import SchemaError
from permissions.engine.filters import Fields
from permissions.engine.schema import ENVIRONMENT, Schema, Types, types

WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """`actions` are verbs (`read`); `levels` names some of them together (`read_write`), and stands for each.

    `attributes` are what conditions read as `resource.…`, `context` what they read as `env.…` besides what is always
    there. An open type has other attributes too. `fields` is where MongoDB keeps the attributes, if it keeps them.
    """

    name: str
    actions: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: Types = field(default_factory=dict)
    context: Types = field(default_factory=dict)
    open: bool = False
    strategy: ConflictStrategy | None = None
    fields: Fields | None = None

    def __post_init__(self) -> None:
        _check_words([self.name, *self.actions, *self.levels])
        for level, verbs in self.levels.items():
            if level in self.actions:
                raise SchemaError(f"`{level}` is an action of `{self.name}` already")
            if unknown := [verb for verb in verbs if verb not in self.actions]:
                raise SchemaError(f"level `{level}` of `{self.name}` names unknown actions: {', '.join(unknown)}")

    def expand(self, verb: str) -> tuple[str, ...]:
        """The actions that a verb, a level or `*` stands for, as `report:read`; none for what isn't known."""
        verbs = self.actions if verb == "*" else self.levels.get(verb, (verb,) if verb in self.actions else ())
        return tuple(f"{self.name}:{each}" for each in verbs)

    def levels_by_action(self) -> dict[str, tuple[str, ...]]:
        """For each action of a level the levels that contain it, all as `report:…`."""
        found: dict[str, tuple[str, ...]] = {}
        for level in self.levels:
            for action in self.expand(level):
                found[action] = (*found.get(action, ()), f"{self.name}:{level}")
        return found

    def schema(self, user: Types) -> Schema:
        """What a condition about it may name; `user` are the attributes of accounts."""
        opened = frozenset({"resource"}) if self.open else frozenset[str]()
        return Schema(
            user,
            self.attributes,
            {**ENVIRONMENT, **self.context},
            opened,
            listed=self.fields is not None,
            shares=self.fields is not None and self.fields.shares,
        )


def resource_type(
    name: str,
    actions: Iterable[str],
    levels: Mapping[str, Iterable[str]] | None = None,
    attributes: Mapping[str, str] | None = None,
    context: Mapping[str, str] | None = None,
    *,
    open: bool = False,
    strategy: str | None = None,
    fields: Fields | None = None,
) -> ResourceType:
    """From plain data, as documents, mutations and policy files have it; `SchemaError` says what is wrong."""
    return ResourceType(
        name,
        tuple(dict.fromkeys(actions)),
        {level: tuple(dict.fromkeys(verbs)) for level, verbs in (levels or {}).items()},
        types(attributes or {}),
        types(context or {}),
        open,
        _strategy(strategy),
        fields,
    )


def _strategy(name: str | None) -> ConflictStrategy | None:
    try:
        return None if name is None else ConflictStrategy(name)
    except ValueError:
        raise SchemaError(f"unknown strategy `{name}`: it is one of {', '.join(ConflictStrategy)}") from None


def _check_words(words: Iterable[str]) -> None:
    for word in words:
        if not WORD.fullmatch(word):
            raise SchemaError(f"not a name of lower case letters, digits and `_`: `{word[:40]}`")
