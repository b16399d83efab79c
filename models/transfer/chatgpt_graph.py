"""The shape of ChatGPT's `mapping`: which nodes form trees, in which order, and which do not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.transfer.chatgpt_message import Said, UnfitMessageError, said
from models.tree.draft import TreeLimits

NODE_BYTES: Final = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the mapping. Without `said` it only links; `flaw` says what is wrong with its message."""

    parent: str | None
    children: Sequence[str]
    said: Said | None = None
    flaw: str | None = None

    @property
    def weight(self) -> int:
        """About the memory that it takes, in bytes."""
        return NODE_BYTES + 80 * len(self.children) + (self.said.weight if self.said else 0)


def node(raw: Any, limits: TreeLimits) -> Node | None:
    """The node that `raw` describes; None if it isn't one."""
    if not isinstance(raw, dict):
        return None
    parent, children = raw.get("parent"), raw.get("children")
    links = [child for child in children if isinstance(child, str)] if isinstance(children, list) else []
    above = None if parent is None else str(parent)
    message = raw.get("message")
    if message is None:
        return Node(above, links)
    try:
        spoken = said(message, limits)
    except UnfitMessageError as error:
        return Node(above, links, flaw=f"{error}; its replies follow the message before it")
    return Node(above, links, spoken, spoken.flaw if spoken else None)


@dataclass(frozen=True, slots=True)
class Shape:
    """Ids of sound nodes, parents first, siblings in order, each with its parent's id; and what hangs nowhere."""

    order: Sequence[tuple[str, str | None]]
    lost: Sequence[tuple[str, str]]


def shape(nodes: Mapping[str, Node]) -> Shape:
    """Order `nodes`.

    A node's own `parent` decides where it hangs, its parent's `children` in which order; only a node whose parent is
    null or missing hangs where it is listed. Nodes that no root leads to are lost: below a missing parent, or a cycle.
    """
    forest = _Forest(nodes)
    order = [*forest.walk(name for name in nodes if forest.parents[name] is None and nodes[name].parent is None)]
    # A root that its own descendant lists as a child is a root still.
    order += forest.walk(name for name in nodes if nodes[name].parent is None)
    return Shape(order, [*forest.orphans(), *forest.cycles()])


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
                missing = str(self.nodes[name].parent)[:80]
                yield name, f"its parent `{missing}` is missing{self._with(name)}"

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
