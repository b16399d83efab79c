"""Schemas: which attributes a condition may name, and what kind of value each has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from permissions.engine.errors import SchemaError
from permissions.engine.values import Kind

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
"""What attributes may be called, if conditions are to name them."""

KINDS: Final[Mapping[str, Kind | None]] = {
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "int": Kind.NUMBER,
    "double": Kind.NUMBER,
    "bool": Kind.BOOL,
    "timestamp": Kind.DATE,
    "duration": Kind.DURATION,
    "id": Kind.ID,
    "dyn": None,
}
"""The kinds by the names that CEL gives them; `dyn` is any. Whole numbers and fractions are one kind."""

_LIST: Final = re.compile(r"list<(\w+)>", re.ASCII)


@dataclass(frozen=True, slots=True)
class Type:
    """What is known of a value while it isn't: its kind (None: any), or that it is a list of such (`many`).

    Of `Type()` nothing is known: it may be a list too.
    """

    kind: Kind | None = None
    many: bool = False

    @classmethod
    def parse(cls, text: str) -> "Type":
        """From `string`, `number`, `list<string>` …; else `SchemaError`."""
        listed = _LIST.fullmatch(text)
        name = listed[1] if listed else text
        if name not in KINDS:
            raise SchemaError(f"unknown type `{text[:40]}`: it is one of {', '.join(KINDS)}, or a list<…> of one")
        return cls(KINDS[name], bool(listed))

    def __str__(self) -> str:
        name = "dyn" if self.kind is None else _NAMES.get(self.kind, self.kind.value)
        return f"list<{name}>" if self.many else name


ANY: Final = Type()
_NAMES: Final[Mapping[Kind | None, str]] = {kind: name for name, kind in reversed(list(KINDS.items()))}

Types = Mapping[str, Type]


def types(texts: Mapping[str, str]) -> Types:
    """Attribute types by name, from their texts; `SchemaError` names the attribute that is wrong."""
    found = {}
    for name, text in texts.items():
        if not NAME.fullmatch(name):
            raise SchemaError(f"not the name of an attribute: `{name[:40]}`")
        try:
            found[name] = Type.parse(text)
        except SchemaError as error:
            raise SchemaError(f"attribute `{name}`: {error}") from None
    return found


ENVIRONMENT: Final[Types] = types({"time": "timestamp", "ip": "string", "session_age": "number", "device": "string"})
"""The circumstances that are known of a request; `session_age` in seconds."""

OWN: Final[Mapping[str, Types]] = {
    "user": types({"id": "dyn", "roles": "list<string>"}),
    "resource": types({"id": "dyn", "type": "string"}),
    "env": types({"time": "timestamp"}),
}
"""Names that no attribute can take."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a condition about one type of resource may name. In an open scope undeclared names are of any type.

    `listed`: lists of these resources are filtered in MongoDB, so a condition must be such that it can be.
    `shares`: they can be shared.
    """

    user: Types = field(default_factory=dict)
    resource: Types = field(default_factory=dict)
    env: Types = field(default_factory=lambda: ENVIRONMENT)
    open: frozenset[str] = frozenset()
    listed: bool = True
    shares: bool = False

    def known(self, scope: str) -> Types:
        """The attributes of `user`, `resource` or `env`."""
        declared: Mapping[str, Types] = {"user": self.user, "resource": self.resource, "env": self.env}
        return {**declared[scope], **{name: OWN[scope][name] for name in OWN[scope] if name not in declared[scope]}}

    def type_of(self, scope: str, name: str) -> Type | None:
        """An attribute's type; None for an attribute that there isn't."""
        return self.known(scope).get(name) or (ANY if scope in self.open else None)


LENIENT: Final = Schema(open=frozenset({"user", "resource", "env"}), env={}, listed=False, shares=True)
"""For what was written under a schema that may have changed since: every name goes."""
