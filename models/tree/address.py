"""Addresses: (branch, depth) names a message for life, and tells which slot its bucket is in."""

import re
import secrets
from hashlib import sha256
from typing import Final, NamedTuple, Self

MAIN: Final = "main"
"""The branch that every conversation begins with."""

BRANCH: Final = re.compile(r"main|[0-9a-f]{16}")
MAX_DEPTH: Final = 2**31 - 1
made: Final = tuple.__new__
"""Makes a named tuple of a tuple of all its values: half of what its own way takes, where there are hundreds."""


class Address(NamedTuple):
    """The message at `depth` (0 for a first message) of `branch`, which is its home, not one that passes through it.

    A tuple: a page makes, hashes and compares some two hundred, which takes a dataclass several times as long.
    """

    branch: str
    depth: int

    def __str__(self) -> str:
        return f"{self.branch}.{self.depth}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `branch.depth`. Raises `ValueError`."""
        branch, _, depth = text.partition(".")
        if not is_branch(branch) or not re.fullmatch(r"0|[1-9][0-9]{0,9}", depth) or int(depth) > MAX_DEPTH:
            raise ValueError("not an address")
        return cls(branch, int(depth))

    @property
    def next(self) -> "Address":
        """The address one message later on the same branch."""
        return Address(self.branch, self.depth + 1)


def is_branch(text: str) -> bool:
    """Whether `text` has the form of a branch's name."""
    return BRANCH.fullmatch(text) is not None


def slot(branch: str, depth: int, width: int) -> str:
    """The slot of `depth`: slots are `width` depths wide, so a page's buckets are named without asking for them."""
    return f"{branch}.{depth // width}"


def slots(branch: str, start: int, stop: int, width: int) -> list[str]:
    """The slots that hold depths `start <= depth < stop`."""
    return [f"{branch}.{number}" for number in range(start // width, (stop - 1) // width + 1)]


def random_branch() -> str:
    """A name for a new branch; random, so that no counter is fought over."""
    return secrets.token_hex(8)


def keyed_branch(*parts: object) -> str:
    """The name that a fork gets from its idempotency key: a retry comes to the same one, and finds it taken."""
    text = "\0".join(str(part) for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
