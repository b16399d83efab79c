"""What conditions compare: attributes of user, resource and env, and fixed values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from permissions.engine.facts import Facts
from permissions.engine.filters import Fields
from permissions.engine.values import shown


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

_ATTRIBUTES: Final[Mapping[str, Callable[[str, Fault], Reader]]] = {
    "user": lambda name, missing: lambda facts: facts.subject.attributes.get(name, missing),
    "resource": lambda name, missing: lambda facts: facts.resource.attributes.get(name, missing),
    "env": lambda name, missing: lambda facts: facts.env.attributes.get(name, missing),
}


class Operand(Protocol):
    """What a condition compares."""

    @property
    def stored(self) -> bool:
        """Whether it differs from one stored resource to the next: what a filter tests."""

    def reader(self) -> Reader:
        """The closure that finds it."""


class Stored(Operand, Protocol):
    """What a filter can name, if it is stored."""

    def place(self, fields: Fields) -> str:
        """The field in which it is stored."""


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

    def place(self, fields: Fields) -> str:
        """The field in which it is stored."""
        return fields[self.name]

    def reader(self) -> Reader:
        """The closure that finds it."""
        missing = Fault(f"{self} is missing")
        if (self.scope, self.name) == ("resource", "id"):
            return lambda facts: missing if facts.resource.id is None else facts.resource.id
        reserved = _RESERVED.get((self.scope, self.name))
        return reserved or _ATTRIBUTES[self.scope](self.name, missing)


@dataclass(frozen=True, slots=True)
class Literal:
    """A fixed scalar, or list of scalars."""

    value: Any

    def __str__(self) -> str:
        return shown(self.value)

    @property
    def stored(self) -> bool:
        """It never is."""
        return False

    def reader(self) -> Reader:
        """The closure that gives it."""
        value = self.value
        return lambda facts: value


ELEMENT: Final = ""
"""The field of an element of a stored list, in a filter that is about to become an `$elemMatch`."""


@dataclass(frozen=True, slots=True)
class Element:
    """The element that an `exists` or `all` is at; `depth` counts those around it. `stored` if the list is."""

    name: str
    depth: int
    stored: bool

    def __str__(self) -> str:
        return self.name

    def place(self, fields: Fields) -> str:
        """The element itself."""
        return ELEMENT

    def reader(self) -> Reader:
        """The closure that finds it."""
        depth = self.depth
        return lambda facts: facts.bound[depth]


@dataclass(frozen=True, slots=True)
class Computed:
    """What `function` makes of other operands: a value, or a `Fault`; a fault of theirs stays one.

    It has no field: a filter can't test it, if it depends on what is stored.
    """

    text: str
    function: Callable[..., Any]
    parts: tuple[Operand, ...]

    def __str__(self) -> str:
        return self.text

    @property
    def stored(self) -> bool:
        """A filter can't name it."""
        return False

    def reader(self) -> Reader:
        """The closure that computes it."""
        function, readers = self.function, [part.reader() for part in self.parts]

        def compute(facts: Facts) -> Any:
            values = [read(facts) for read in readers]
            for value in values:
                if isinstance(value, Fault):
                    return value
            return _apply(function, values)

        if all(isinstance(part, Literal) for part in self.parts):
            value = self.fixed()
            return lambda facts: value
        return compute

    def fixed(self) -> Any:
        """Its value, if it hangs on literals alone."""
        return _apply(self.function, [part.value for part in self.parts if isinstance(part, Literal)])


def _apply(function: Callable[..., Any], values: list[Any]) -> Any:
    try:
        return function(*values)
    except (ArithmeticError, ValueError, TypeError) as error:  # out of every range, so it can't be judged
        return Fault(f"can't be computed: {error}")


def sides(left: Operand, right: Operand) -> tuple[Stored, Operand] | None:
    """What is stored, and what it is compared with; None where nothing stored is compared."""
    if isinstance(left, Attribute | Element) and left.stored:
        return left, right
    if isinstance(right, Attribute | Element) and right.stored:
        return right, left
    return None


def compared(left: Operand, sign: str, right: Operand, facts: Facts) -> str:
    """The comparison, with what each side was."""
    return f"{left} {sign} {right} ({read_aloud(left, facts)} {sign} {read_aloud(right, facts)})"


def read_aloud(operand: Operand, facts: Facts) -> str:
    """What the operand was."""
    value = operand.reader()(facts)
    return "missing" if isinstance(value, Fault) else shown(value)
