"""The shape of nodes that point at each other by id: which form trees, in which order, and which do not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.transfer.said import Said

NODE_BYTES: Final = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its links. Without `said` it only links; `flaw` says what is wrong with its message."""

    parent: str | None
    children: Sequence[str]
    said: Said | None = None
    flaw: str | None = None

    @property
    def weight(self) -> int:
        """About the memory that it takes, in bytes."""
        return NODE_BYTES + 80 * len(self.children) + (self.said.weight if self.said else 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """Ids of sound nodes, parents first, siblings in order, each with its parent's id.

    `lost`: what hangs nowhere, or not where it says, and why.
    """

    order: Sequence[tuple[str, str | None]]
    lost: Sequence[tuple[str, str]]


def shape(nodes: Mapping[str, Node], *, adrift: bool = False) -> Shape:
    """Order `nodes`.

    A node's own `parent` decides where it hangs, its parent's `children` in which order; only a node whose parent is
    null or missing hangs where it is listed. Nodes that no root leads to are lost: below a missing parent, or a cycle.
    With `adrift` those whose parent is missing begin trees of their own, after the others.
    """
    forest = _Forest(nodes)
    order = [*forest.walk(name for name in nodes if forest.parents[name] is None and nodes[name].parent is None)]
    # A root that its own descendant lists as a child is a root still.
    order += forest.walk(name for name in nodes if nodes[name].parent is None)
    if not adrift:
        return Shape(order, [*forest.orphans(), *forest.cycles()])
    moved = [name for name in nodes if forest.parents[name] is None and nodes[name].parent is not None]
    order += forest.walk(moved)
    return Shape(order, [*((name, f"{forest.missing(name)}: it begins a branch") for name in moved), *forest.cycles()])


class _Forest:
    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes
        self.seen: set[str] = set()
        claims: dict[str, str] = {}
        for name, found in nodes.items():
            for child in found.children:
                claims.setdefault(child, name)
        self.parents = {name: self._parent(name, claims) for name in nodes}
        self.children = self._children()

    def _parent(self, name: str, claims: Mapping[str, str]) -> str | None:
        parent = self.nodes[name].parent
        return parent if parent is not None and parent in self.nodes else claims.get(name)

    def _children(self) -> dict[str, dict[str, None]]:
        """Children in order, those first that their parent lists."""
        children: dict[str, dict[str, None]] = {name: {} for name in self.nodes}
        for name, found in self.nodes.items():
            for child in found.children:
                if child in self.nodes and self.parents[child] == name:
                    children[name][child] = None
        for name, parent in self.parents.items():
            if parent is not None:
                children[parent][name] = None
        return children

    def walk(self, starts: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Depth first from `starts`, each node once."""
        for start in starts:
            waiting: list[tuple[str, str | None]] = [(start, None)]
            while waiting:
                name, parent = waiting.pop()
                if name in self.seen:
                    continue
                self.seen.add(name)
                yield name, parent
                waiting.extend((child, name) for child in reversed(self.children[name]))

    def orphans(self) -> Iterator[tuple[str, str]]:
        """Nodes whose parent is missing, and how many are lost with each."""
        for name in self.nodes:
            if name not in self.seen and self.parents[name] is None:
                yield name, f"{self.missing(name)}{self._with(name)}"

    def missing(self, name: str) -> str:
        """What is wrong with a node whose parent isn't there."""
        return f"its parent `{str(self.nodes[name].parent)[:80]}` is missing"

    def cycles(self) -> Iterator[tuple[str, str]]:
        """A node of each cycle, and how many are lost with it."""
        for name in self.nodes:
            if name not in self.seen:
                head = self._on_cycle(name)
                yield head, f"it is its own ancestor{self._with(head)}"

    def _on_cycle(self, name: str) -> str:
        passed: set[str] = set()
        while name not in passed:
            passed.add(name)
            name = self.parents[name] or name
        return name

    def _with(self, name: str) -> str:
        lost = [node for node, _ in self.walk([name]) if self.nodes[node].said]
        return f": {len(lost)} messages are left out" if len(lost) != 1 else ": 1 message is left out"
