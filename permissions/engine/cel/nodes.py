"""What an expression is made of, whichever library has read it."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where in the text, both counted from 1, in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """`at` is where it begins."""

    at: Place


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """`1`, `"a"`, `true`, `null`. `kind` tells those apart that Python doesn't: `uint`, `bytes`."""

    value: Any
    kind: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """`user`, or the variable of an `exists`."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`of.field`; as a `test`, `has(of.field)`."""

    of: Node
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, method (`target` is there) or operator, which CEL names `_==_`. `sign` is where its name stands."""

    function: str
    target: Node | None
    args: tuple[Node, ...]
    sign: Place


@dataclass(frozen=True, slots=True)
class Items(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fold(Node):
    """`over.exists(variable, holds)`, or `all`."""

    every: bool
    variable: str
    over: Node
    holds: Node


@dataclass(frozen=True, slots=True)
class Other(Node):
    """What CEL has and conditions don't; `what` says it in words."""

    what: str
