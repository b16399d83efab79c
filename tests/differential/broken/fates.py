"""What becomes of each field of each object: settled by a seed, the same however often it is asked for."""

import asyncio
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphql import GraphQLError

from models.tree.meter import Meter
from permissions.access import Takings

T = TypeVar("T")


class BrokenError(Exception):
    """Of a resolver."""


class Fate:
    """Chance that costs little to begin: a hundred of them are asked of an object, once each."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed * 0x9E3779B97F4A7C15 + 1

    def randrange(self, below: int) -> int:
        """From 0 on."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 33) % below

    def random(self) -> float:
        """Below 1."""
        return self.randrange(1 << 20) / (1 << 20)

    def choice(self, some: Sequence[T]) -> T:
        """One of them."""
        return some[self.randrange(len(some))]


@dataclass
class Broken:
    """A context. `sound`: the part of all values that are as they should be."""

    seed: int
    sound: float
    answering: Meter = field(default_factory=lambda: Meter(None))
    begin_until: float = float("inf")
    noted: list[Any] = field(default_factory=list)

    @property
    def access(self) -> "Broken":
        """What was noted counts as decided."""
        return self

    def takings(self) -> Takings:
        """All that was done."""
        return Takings(allowed=self.noted)

    def fate(self, key: str, name: str) -> Fate:
        """What becomes of a field of an object."""
        return Fate(zlib.crc32(f"{self.seed} {key} {name}".encode()))


class Fated:
    """What each object carries with it."""

    def __init__(self, context: Broken, key: str) -> None:
        self.context, self.key = context, key

    def of(self, name: str, good: Callable[[Fate], T], bad: tuple[Any, ...] = ()) -> T:
        """The value of a field, or what stands in its place; it may raise."""
        fate = self.context.fate(self.key, name)
        if fate.random() < self.context.sound:
            return good(fate)
        return _broken(fate, good, bad)

    def quietly(self, name: str, good: Callable[[Fate], T], bad: tuple[Any, ...] = ()) -> T:
        """The same where nothing can be raised: an exception stands in its place."""
        try:
            return self.of(name, good, bad)
        except Exception as error:
            found: Any = error
            return found

    def noted(self, name: str) -> None:
        """It was called."""
        self.context.noted.append((self.key, name))

    async def later(self, name: str) -> None:
        """After some turns of the loop."""
        self.noted(f"{name} begins")
        for _ in range(self.context.fate(self.key, f"{name} late").randrange(4)):
            await asyncio.sleep(0)


def _broken(fate: Fate, good: Callable[[Fate], Any], bad: tuple[Any, ...]) -> Any:
    match fate.randrange(11):
        case 0 | 1 | 2:
            return None
        case 3:
            raise BrokenError("it broke")
        case 4:
            raise GraphQLError("it broke, and says so", extensions={"code": "X"})
        case 5:
            return BrokenError("an exception is its value")
        case 6:
            return Later(fate.randrange(3), lambda: good(fate))
        case 7:
            return Later(fate.randrange(3), _raising)
        case 8:
            return GraphQLError("a GraphQL error is its value", path=["elsewhere"])
        case _:
            return fate.choice((*bad, 5, "text", {}, [], object, 1.5, b"", "2026"))


class Later:
    """What comes after some turns of the loop. Nobody is warned of one that is never awaited, as of a coroutine."""

    def __init__(self, turns: int, value: Callable[[], Any]) -> None:
        self._turns, self._value = turns, value

    def __await__(self) -> Generator[Any, None, Any]:
        for _ in range(self._turns):
            yield
        return self._value()

    def __repr__(self) -> str:
        return "what comes later"


def _raising() -> Any:
    raise BrokenError("it broke later")
