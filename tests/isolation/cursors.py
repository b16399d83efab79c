"""Places in lists, as somebody is told them: for others to try."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from graphql import GraphQLSchema

from tests.isolation.arguments import PLACES
from tests.isolation.asking import asker
from tests.isolation.documents import operation
from tests.isolation.telling import telling
from tests.isolation.tenants import World

GIVERS: Final = ("root", "alice", "bob")
MARKS: Final = ("cursor", "startCursor", "endCursor")


def marks(value: Any) -> Iterator[tuple[str, str]]:
    """Cursors in an answer, by the type of their edge or page."""
    if isinstance(value, list):
        for each in value:
            yield from marks(each)
    if isinstance(value, dict):
        for key, each in value.items():
            type_, _, name = key.partition("_")
            if name in MARKS and isinstance(each, str):
                yield type_, each
            yield from marks(each)


def places(given: Mapping[str, Any]) -> list[str]:
    """Arguments that take one, at whatever depth."""
    return [each for each in given if each.rpartition("_")[2] in PLACES]


async def gathered(world: World, graph: GraphQLSchema) -> dict[str, list[str]]:
    """All that the givers are told, by the list's root field and the edge's type, a few of each."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    assert graph.query_type is not None
    for who in GIVERS:
        one = await asker(world, graph, who)
        for name in graph.query_type.fields:
            asked = operation(graph, "query", name, 1)
            if places(asked.given):
                for given in telling(world, name)[:2]:
                    answer = await one.ask(asked, given)
                    some: dict[str, list[str]] = defaultdict(list)
                    for type_, mark in marks(answer.body.get("data")):
                        some[type_].append(mark)
                    for type_, each in some.items():
                        found[f"{name} {type_}"] |= dict.fromkeys((each[0], each[len(each) // 2], each[-1]))
    return {place: list(each) for place, each in found.items()}


def tried(given: Mapping[str, Any], cursors: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """Which arguments of `given` are cursors, and the root fields of the lists that they are of."""
    known = {each: place.partition(" ")[0] for place, some in cursors.items() for each in some}
    return {(name, known[value]) for name, value in given.items() if isinstance(value, str) and value in known}
