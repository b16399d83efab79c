"""The simplest message tree there is: what the stored one is compared with."""

from dataclasses import dataclass, field

from models.conversation import Conversation
from models.tree import Address, History, MessageTree, Row, Window


@dataclass
class Node:
    """A message, its parent and children."""

    content: str
    parent: "Node | None"
    address: Address
    children: "list[Node]" = field(default_factory=list)

    @property
    def path(self) -> "list[Node]":
        """From the root to here."""
        nodes = [self]
        while nodes[-1].parent:
            nodes.append(nodes[-1].parent)
        return nodes[::-1]


@dataclass
class Model:
    """All messages, by address."""

    root: Node = field(default_factory=lambda: Node("", None, Address("main", 0)))
    nodes: dict[Address, Node] = field(default_factory=dict)

    def add(self, parent: Address | None, address: Address, content: str) -> None:
        """Remember a message that was stored."""
        above = self.nodes[parent] if parent else self.root
        node = Node(content, above if parent else None, address)
        above.children.append(node)
        assert address not in self.nodes, "an address was given out twice"
        self.nodes[address] = node

    def siblings(self, node: Node) -> list[Node]:
        """The children of its parent."""
        return (node.parent or self.root).children

    def leaves(self) -> list[Node]:
        """The ends of all branches."""
        return [node for node in self.nodes.values() if not node.children]


async def compare(tree: MessageTree, conversation: Conversation, model: Model, size: int = 7) -> None:
    """Walk every branch in both, in pages of `size`, forwards and backwards."""
    history = tree.history(conversation)
    tips = {leaf.address.branch: leaf for leaf in model.leaves()}
    for branch in {node.address.branch for node in model.nodes.values()}:
        end = tips.get(branch) or max(
            (node for node in model.nodes.values() if node.address.branch == branch), key=lambda n: n.address.depth
        )
        await _compare_path(history, model, branch, end.path, size)


async def _compare_path(history: History, model: Model, branch: str, path: list[Node], size: int) -> None:
    forwards = await walk(history, branch, size)
    assert [(row.address, row.message["content"]) for row in forwards] == [(n.address, n.content) for n in path]
    for row, node in zip(forwards, path, strict=True):
        siblings = model.siblings(node)
        assert row.parent == (node.parent.address if node.parent else None)
        assert (row.sibling_count, row.sibling_index) == (len(siblings), siblings.index(node))
    backwards = await walk_back(history, branch, size)
    assert backwards == forwards
    alone = await history.rows([node.address for node in path])
    assert alone == {row.address: row for row in forwards}


async def walk(history: History, branch: str, size: int) -> list[Row]:
    """All rows of a branch's path, in pages from the root on."""
    rows: list[Row] = []
    after: Address | None = None
    while True:
        page = await history.page(branch, Window(first=size, after=after))
        rows += page.rows
        if page.span.stop >= page.length:
            return rows
        after = rows[-1].address


async def walk_back(history: History, branch: str, size: int) -> list[Row]:
    """The same, in pages from the end back."""
    rows: list[Row] = []
    before: Address | None = None
    while True:
        page = await history.page(branch, Window(last=size, before=before))
        rows = [*page.rows, *rows]
        if page.span.start == 0:
            return rows
        before = rows[0].address
