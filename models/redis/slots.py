"""Which server of a cluster has which slot."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from redis.crc import key_slot

from models.redis.address import Node

SLOTS: Final = 16_384


class SlotMap:
    """As one server of the cluster sees it."""

    def __init__(self, ranges: Sequence[tuple[int, int, Node]] = ()) -> None:
        self._owners: list[Node | None] = [None] * SLOTS
        for first, last, node in ranges:
            self._owners[first : last + 1] = [node] * (last + 1 - first)
        self.masters: Final = frozenset(node for _, _, node in ranges)

    @classmethod
    def read(cls, answer: Sequence[Any], asked: Node) -> "SlotMap":
        """What the server at `asked` answers to CLUSTER SLOTS; it may leave out its own host."""
        return cls(list(_ranges(answer, asked)))

    def of(self, key: bytes | str) -> Node | None:
        """The master of the key's slot, if there is one."""
        return self._owners[key_slot(key.encode() if isinstance(key, str) else key)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SlotMap) and self._owners == other._owners

    __hash__ = None  # type: ignore[assignment]

    def move(self, slot: int, node: Node) -> None:
        """`node` has it now."""
        self._owners[slot] = node


def _ranges(answer: Sequence[Any], asked: Node) -> Iterator[tuple[int, int, Node]]:
    for first, last, master, *_ in answer:
        host = _text(master[0])
        yield int(first), int(last), Node(asked.host if host in ("", "?") else host, int(master[1]))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
