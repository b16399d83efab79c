"""An interface and a union, and objects that are of neither."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

import strawberry

if TYPE_CHECKING:
    from tests.differential.broken.things import Thing

T = TypeVar("T")


@strawberry.interface
class Named:
    """By what is it called?"""

    name: str

    @strawberry.field
    def shout(self) -> str:
        return self.name.upper()


@strawberry.type
class Cat(Named):
    """A leaf, mostly."""

    lives: int
    thing: strawberry.Private[Any]

    @strawberry.field
    async def owner(self) -> Annotated["Thing", strawberry.lazy("tests.differential.broken.things")] | None:
        return await self.thing.a_child()


@strawberry.type
class Dog(Named):
    """Of the same union."""

    lives: str
    loud: bool | None = None


@strawberry.type
class Stone(Named):
    """Of the interface, and not of the union."""

    weight: float = 2.5


class Kitten(Cat):
    """No type of the schema."""


Pet = Annotated[Cat | Dog, strawberry.union("Pet")]


@strawberry.type
class Edge(Generic[T]):
    """Of any list."""

    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    """Of anything."""

    edges: list[Edge[T]]
    count: int | None


ANIMALS: Final = (
    Stone(name="Uluru"),
    Kitten(name="Kit", lives=1, thing=None),
    {"name": "no object"},
    Edge(cursor="", node=None),
    Dog(name=None, lives="none"),  # type: ignore[arg-type]
)
