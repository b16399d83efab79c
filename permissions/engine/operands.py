"""What conditions compare: attributes of user, resource and env, and fixed values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.facts import Facts


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something can't be judged."""

    reason: str


Reader = Callable[[Facts], Any]
"""Gives a value, or a `Fault`."""

SCOPES: Final = frozenset({"user", "resource", "env"})

_RESERVED: Final[Mapping[tuple[str, str], Reader]] = {
    ("user", "id"): lambda facts: facts.subject.id,
    ("user", "roles"): lambda facts: facts.roles,
    ("resource", "type"): lambda facts: facts.resource.type,
    ("env", "time"): lambda facts: facts.env.time,
}
"""Names that no stored attribute can take."""

_ATTRIBUTES: Final[Mapping[str, Callable[[Facts], Mapping[str, Any]]]] = {
    "user": lambda facts: facts.subject.attributes,
    "resource": lambda facts: facts.resource.attributes,
    "env": lambda facts: facts.env.attributes,
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """`user.region`, `resource.owner_id`, `env.time` …"""

    scope: str
    name: str

    def __str__(self) -> str:
        return f"{self.scope}.{self.name}"

    @property
    def stored(self) -> bool:
        """Whether it differs from one stored resource to the next: what a filter tests."""
        return self.scope == "resource" and self.name != "type"

    def reader(self) -> Reader:
        """The closure that finds it."""
        missing = Fault(f"{self} is missing")
        if (self.scope, self.name) == ("resource", "id"):
            return lambda facts: missing if facts.resource.id is None else facts.resource.id
        reserved = _RESERVED.get((self.scope, self.name))
        return reserved or _from(_ATTRIBUTES[self.scope], self.name, missing)


def _from(attributes: Callable[[Facts], Mapping[str, Any]], name: str, missing: Fault) -> Reader:
    return lambda facts: attributes(facts).get(name, missing)


@dataclass(frozen=True, slots=True)
class Literal:
    """A fixed scalar, or list of scalars."""

    value: Any

    def __str__(self) -> str:
        return repr(self.value)

    def reader(self) -> Reader:
        """The closure that gives it."""
        value = self.value
        return lambda facts: value


Operand = Attribute | Literal


def sides(left: Operand, right: Operand) -> tuple[Attribute, Operand] | None:
    """The stored attribute and what it is compared with; None where nothing stored is compared."""
    if isinstance(left, Attribute) and left.stored:
        return left, right
    if isinstance(right, Attribute) and right.stored:
        return right, left
    return None


def compared(left: Operand, sign: str, right: Operand, facts: Facts) -> str:
    """The comparison, with what each side was."""
    return f"{left} {sign} {right} ({_shown(left, facts)} {sign} {_shown(right, facts)})"


def _shown(operand: Operand, facts: Facts) -> str:
    value = operand.reader()(facts)
    return "missing" if isinstance(value, Fault) else repr(value)
