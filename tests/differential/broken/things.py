"""An object with all kinds of fields. Every call of a resolver is noted: who asks twice, or too late, is seen."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from tests.differential.broken.animals import ANIMALS, Cat, Connection, Dog, Edge, Named, Pet, Stone
from tests.differential.broken.attributes import ATTRIBUTES
from tests.differential.broken.fates import Broken, Fate, Fated
from tests.differential.broken.guards import Lucky, Plain, Shouting, Waiting
from tests.differential.broken.leaves import Colour, Even, Given

MOST: Final = 4
"""Objects in a list."""


@strawberry.type
class Thing(Fated):
    """All kinds of fields."""

    id: strawberry.ID
    text: str
    maybe: str | None
    number: int
    ratio: float
    flag: bool
    colour: Colour
    colours: list[Colour | None]
    when: datetime | None
    texts: list[str] | None
    matrix: list[list[int] | None]
    free: JSON | None
    even: Even
    odd: Even | None
    twin: "Thing | None"
    pet: Pet | None
    guarded: str = strawberry.field(permission_classes=[Lucky])
    perhaps: str | None = strawberry.field(permission_classes=[Lucky])
    plainly: str | None = strawberry.field(permission_classes=[Plain])
    class_: str = strawberry.field(name="class")

    def __init__(self, context: Broken, key: str, depth: int = 0) -> None:
        Fated.__init__(self, context, key)
        self.class_ = "a word of Python"
        twin = depth < 2 and context.fate(key, "t").random() < 0.5
        self.twin = self.quietly("twin", lambda fate: self.child("twin", depth + 1)) if twin else None
        self.pet = self.quietly("pet", self.animal, ANIMALS)

    def __getattr__(self, name: str) -> Any:
        """What is read off it; that may fail, too."""
        if name not in ATTRIBUTES:
            raise AttributeError(name)
        return self.of(name, *ATTRIBUTES[name])

    def child(self, name: str, depth: int = 0) -> "Thing":
        """Another one, with fates of its own."""
        return Thing(self.context, f"{self.key}.{name}", depth)

    def animal(self, fate: Fate) -> Cat | Dog:
        """Of the union."""
        return Cat(name="Tom", lives=9, thing=self) if fate.random() < 0.5 else Dog(name="Rex", lives="one", loud=True)

    def named(self, fate: Fate) -> Named:
        """Of the interface."""
        return fate.choice([Cat(name="Tom", lives=9, thing=self), Dog(name="Rex", lives="one"), Stone(name="Ayers")])

    def of_kind(self, name: str) -> "Thing":
        """A child, or what stands in its place."""
        return self.of(name, lambda fate: self.child(name))

    def things(self, name: str, number: int = 3) -> Any:
        """A list, or something that may be one."""
        return self.of(name, lambda fate: self._listed(fate, name, number), ((), "ab", {"a": 1}))

    def _listed(self, fate: Fate, name: str, number: int) -> Any:
        keys = [f"{name}{one}" for one in range(min(max(number, 0), MOST))]
        items = [self.quietly(each, lambda fate, each=each: self.child(each)) for each in keys]  # type: ignore[misc]
        match fate.randrange(8):
            case 0:
                return tuple(items)
            case 1:
                return iter(items)
            case 2:
                return _generated(items)
            case 3:
                return _one_by_one(items)
        return items

    @strawberry.field
    def s_text(self) -> str:
        self.noted("sText")
        return self.of("sText", lambda fate: "t" * fate.randrange(5), (b"x", True))

    @strawberry.field
    async def a_text(self) -> str:
        await self.later("aText")
        return self.of("aText", lambda fate: "a", (True,))

    @strawberry.field
    async def a_maybe(self) -> str | None:
        await self.later("aMaybe")
        return self.of("aMaybe", lambda fate: "m")

    @strawberry.field
    def s_child(self) -> "Thing":
        self.noted("sChild")
        return self.of_kind("sChild")

    @strawberry.field
    async def a_child(self) -> "Thing":
        await self.later("aChild")
        return self.of_kind("aChild")

    @strawberry.field
    async def a_perhaps(self) -> "Thing | None":
        await self.later("aPerhaps")
        return self.of_kind("aPerhaps")

    @strawberry.field
    def s_list(self, first: int = 2) -> "list[Thing]":
        self.noted(f"sList {first}")
        return self.things("sList", first)

    @strawberry.field
    async def a_list(self, first: int | None = None) -> "list[Thing]":
        await self.later(f"aList {first}")
        return self.things("aList", first or 2)

    @strawberry.field
    def s_holes(self) -> "list[Thing | None] | None":
        self.noted("sHoles")
        return self.things("sHoles")

    @strawberry.field
    async def a_holes(self, info: Info) -> "list[Thing | None] | None":
        await self.later(f"aHoles {info.path.key}")
        return self.things("aHoles")

    @strawberry.field
    def s_named(self) -> Named | None:
        self.noted("sNamed")
        return self.of("sNamed", self.named, ANIMALS)

    @strawberry.field
    async def a_named(self) -> Named:
        await self.later("aNamed")
        return self.of("aNamed", self.named, ANIMALS)

    @strawberry.field
    async def pets(self) -> list[Pet | None]:
        await self.later("pets")
        return [self.quietly(f"pets{number}", self.animal, ANIMALS) for number in range(3)]

    @strawberry.field(permission_classes=[Lucky])
    def s_guarded(self, info: Info, first: int = 1) -> "Thing | None":
        self.noted(f"sGuarded {first} {info.field_name}")
        return self.of_kind("sGuarded")

    @strawberry.field(permission_classes=[Lucky])
    async def a_guarded(self, given: Given | None = None) -> "list[Thing]":
        await self.later(f"aGuarded {given}")
        return self.things("aGuarded")

    @strawberry.field(permission_classes=[Plain, Lucky])
    def twice_guarded(self) -> str | None:
        self.noted("twiceGuarded")
        return self.of("twiceGuarded", lambda fate: "twice")

    @strawberry.field(permission_classes=[Waiting])
    async def a_waiting(self) -> str:
        await self.later("aWaiting")
        return self.of("aWaiting", lambda fate: "waited")

    @strawberry.field(extensions=[Shouting()])
    def extended(self) -> str | None:
        return self.of("extended", lambda fate: "loud")

    @strawberry.field
    def echo(
        self,
        info: Info,
        number: int = 3,
        text: str | None = None,
        given: Given | None = None,
        colour: Colour = Colour.RED,
        colours: list[Colour | None] | None = None,
        free: JSON | None = None,
    ) -> str:
        self.noted("echo")
        return f"{number} {text!r} {given} {colour} {colours} {free!r} {info.field_name} {info.path.key}"

    @strawberry.field
    def connection(self, first: int = 2) -> "Connection[Thing]":
        self.noted("connection")
        edges = [
            Edge(cursor=f"c{one}", node=self.quietly(f"edge{one}", lambda fate: self.child("edge")))
            for one in range(min(first, MOST))
        ]
        return Connection(edges=edges, count=self.of("count", lambda fate: len(edges)))


def _generated(items: list[Any]) -> Iterator[Any]:
    yield from items


async def _one_by_one(items: list[Any]) -> AsyncIterator[Any]:
    for each in items:
        await asyncio.sleep(0)
        yield each
