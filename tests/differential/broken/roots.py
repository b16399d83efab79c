"""The schema, and values for the arguments of its fields."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from api.documents.answering import CountingExecution
from tests.differential.broken.animals import ANIMALS, Cat, Dog, Named, Stone
from tests.differential.broken.fates import Broken
from tests.differential.broken.guards import Lucky
from tests.differential.broken.leaves import ARGUMENTS, SCALARS, Given
from tests.differential.broken.things import Thing

LATE: Final = 9


def _root(info: Info) -> Thing:
    return Thing(info.context, "root")


@strawberry.type
class Query:
    """What is asked."""

    @strawberry.field
    def thing(self, info: Info) -> Thing | None:
        return _root(info)

    @strawberry.field
    async def must(self, info: Info) -> Thing:
        await asyncio.sleep(0)
        return _root(info)

    @strawberry.field
    async def things(self, info: Info, first: int = 2) -> list[Thing]:
        thing = _root(info)
        await thing.later("things")
        return thing.things("things", first)

    @strawberry.field
    def named(self, info: Info) -> list[Named]:
        thing = _root(info)
        return [thing.quietly(f"named{number}", thing.named, ANIMALS) for number in range(3)]

    @strawberry.field(permission_classes=[Lucky])
    def guarded(self, info: Info) -> Thing:
        return _root(info)

    number: int = 5


@strawberry.type
class Mutation:
    """What is done, one after the other."""

    @strawberry.mutation
    def first(self, info: Info, first: int = 1) -> Thing | None:
        info.context.noted.append(("first", first))
        return _root(info).of_kind("first")

    @strawberry.mutation(permission_classes=[Lucky])
    async def second(self, info: Info, given: Given | None = None) -> Thing | None:
        thing = _root(info)
        await thing.later("second")
        return thing.of_kind("second")

    @strawberry.mutation
    async def third(self, info: Info) -> int:
        thing = _root(info)
        await thing.later("third")
        return thing.of("third", lambda fate: 3)


@strawberry.type
class Subscription:
    """What is told."""

    @strawberry.subscription
    async def happened(self, info: Info, first: int = 1) -> AsyncIterator[Thing | None]:
        yield _root(info)

    @strawberry.subscription(permission_classes=[Lucky])
    async def told(self, info: Info) -> AsyncIterator[Named]:
        yield Dog(name="Rex", lives="one")


schema: Final = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[Stone, Cat, Dog],
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=CountingExecution,
)


@dataclass
class Plenty:
    """Arguments for it."""

    def roots(self, kind: str) -> list[str]:
        return list(getattr(schema._schema, f"{kind}_type").fields)

    def told(self, chance: Random, root: str) -> dict[str, Any]:
        return {}

    def value(self, chance: Random, name: str, type_: Any, depth: int = 0) -> Any:
        text = str(type_)
        if not text.endswith("!") and chance.randrange(6) == 0:
            return None
        return chance.choice(ARGUMENTS[text.rstrip("!")])


@dataclass
class Contexts:
    """A caller is a seed, and how much is sound."""

    def context(self, caller: str) -> Broken:
        """Such as `17 0.9`. For one in so many it is too late to begin anything."""
        seed, sound = caller.split()
        context = Broken(int(seed), float(sound))
        if context.seed % LATE == 0:
            context.begin_until = 0.0
        return context
