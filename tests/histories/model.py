"""The simplest conversations there are: messages with children, and a mark where something is deleted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from beanie import PydanticObjectId

from models.database import Record
from models.tree import MAIN, Address, Draft


@dataclass(eq=False)
class Said:
    """A message. `began` and `ended`: the rounds in which it was first sent, and in which somebody was told of it."""

    text: str | None
    tokens: int
    parent: "Said | None"
    address: Address
    ordinal: int
    began: int
    ended: int
    edited_from: str | None = None
    draft: Draft | None = None
    """As it was sent, here."""
    children: "list[Said]" = field(default_factory=list)
    tombstone: bool = False
    removed: bool = False
    """Root of a removed subtree."""
    deleted: tuple[int, int] = (0, 0)
    """The rounds between which it was."""
    final: bool | None = False
    """Whether that was purged; None: nobody knows."""

    @property
    def path(self) -> "list[Said]":
        """From the root to here."""
        nodes = [self]
        while nodes[-1].parent:
            nodes.append(nodes[-1].parent)
        return nodes[::-1]

    @property
    def seen(self) -> bool:
        return not any(each.removed for each in self.path)

    @property
    def shown(self) -> str | None:
        """What readers see of its text."""
        return None if self.tombstone else self.text


@dataclass(eq=False)
class Chat:
    """A conversation. Its messages in the order in which they became known."""

    id: PydanticObjectId
    owner_id: PydanticObjectId
    roots: list[Said] = field(default_factory=list)
    said: dict[Address, Said] = field(default_factory=dict)
    raced: list[str] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)
    """What was sent to it, by idempotency key."""

    def add(self, said: Said) -> Said:
        """Remember a message; who came after another one comes after it among its siblings, too."""
        assert said.address not in self.said, "an address was given out twice"
        self.said[said.address] = said
        siblings = said.parent.children if said.parent else self.roots
        for other in siblings:
            assert other.ordinal != said.ordinal
            assert other.ended >= said.began or other.ordinal < said.ordinal
        siblings.append(said)
        siblings.sort(key=lambda each: each.ordinal)
        return said

    @property
    def seen(self) -> list[Said]:
        return [each for each in self.said.values() if each.seen]

    def siblings(self, said: Said) -> list[Said]:
        """Those that are there, itself included."""
        return [each for each in (said.parent.children if said.parent else self.roots) if not each.removed]

    def end(self, branch: str) -> Said | None:
        """The last message of a branch that is seen."""
        run = [each for each in self.seen if each.address.branch == branch]
        return max(run, key=lambda each: each.address.depth, default=None)

    @property
    def branches(self) -> list[str]:
        """Those of which something is seen."""
        return list(dict.fromkeys(each.address.branch for each in self.seen))

    def twin(self, id_: PydanticObjectId, owner_id: PydanticObjectId, round_: int) -> "Chat":
        """What an import makes of an export: what is seen, at the same addresses."""
        twin = Chat(id_, owner_id)
        there = {each.address for each in self.seen}
        for each in sorted(self.seen, key=lambda each: each.address.depth):
            parent = twin.said[each.parent.address] if each.parent else None
            tokens = 0 if each.tombstone else each.tokens
            said = Said(each.shown, tokens, parent, each.address, each.ordinal, round_, round_)
            said.tombstone = said.final = each.tombstone
            if each.edited_from and Address.parse(each.edited_from) in there:
                said.edited_from = each.edited_from
            twin.add(said)
        return twin


def last_shared(one: Said, other: Said) -> Address | None:
    """The last message on both paths."""
    shared = [a.address for a, b in zip(one.path, other.path, strict=False) if a is b]
    return shared[-1] if shared else None


@dataclass(frozen=True)
class Place:
    """Where a stored message lies."""

    parent: Address | None
    ordinal: int


def place(branches: Iterable[Record], address: Address) -> Place:
    """By the branches as they are stored."""
    own = next(each for each in branches if each["branch"] == address.branch)
    if address.branch != MAIN and address.depth == own["fork_depth"]:
        parent = own["parent_branch"]
        return Place(Address(parent, address.depth - 1) if address.depth else None, own["ordinal"])
    return Place(Address(address.branch, address.depth - 1) if address.depth else None, 0)


def stored(buckets: Iterable[Record]) -> Iterator[tuple[Address, dict[str, Any]]]:
    """Every message of the buckets."""
    for bucket in buckets:
        for message in bucket["messages"]:
            yield Address(bucket["branch"], message["depth"]), message
