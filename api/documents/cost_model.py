"""What fields cost: told in the schema by directives in the style of IBM's cost specification, and looked up by name.

<https://ibm.github.io/graphql-specs/cost-spec.html>: an object costs 1, a value nothing, a field what `@cost` says
besides, and what is in a list as often as `@listSize` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type
from strawberry import UNSET
from strawberry.schema_directive import Location
from strawberry.types.base import StrawberryObjectDefinition

from resolvers.pagination import DEFAULT_PAGE, MAX_PAGE

EDGES: Final = "edges"


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], description="What the field costs besides the objects that it gives."
)
class Cost:
    """`@cost`."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="How long the list is taken to be: as the first given of `slicingArguments` says, a number or a list; "
    "or else `assumedSize`. It is the list of `sizedFields`, where those are named.",
    name="listSize",
)
class ListSize:
    """`@listSize`."""

    assumed_size: int
    slicing_arguments: list[str] | None
    sized_fields: list[str] | None
    require_one_slicing_argument: bool = False


@dataclass(frozen=True, slots=True)
class FieldCost:
    """Of one field. `size` is that of the list that it gives, or of the edges of its connection."""

    weight: int = 0
    size: int | None = None
    slicing: tuple[str, ...] = ()
    sizes_edges: bool = False


WEIGHTS: Final[Mapping[str, int]] = {
    "Query.searchMessages": 1_000,
    "Query.usage": 100,
    "Query.effectivePermissions": 50,
    "Query.explainDecision": 50,
    "Query.whoHasAccess": 50,
    "Query.simulate": 100,
    "Query.replay": 200,
    "Query.policyPromotion": 200,
    "Query.diffBranches": 10,
    "Query.trustedOperations": 50,
    "TrustedOperation.flaw": 5,
    "Conversation.deletedSubtrees": 5,
}
"""Of fields that do much for few objects."""
MUTATION_WEIGHT: Final = 10

SLICED: Final[Mapping[str, tuple[str, int]]] = {
    "Message.siblings": ("first", 20),
    "Query.nodes": ("ids", MAX_PAGE),
    "Query.checkPermissions": ("input", MAX_PAGE),
}
"""Lists that are no connections, and are as long as an argument says; or else so long."""

ASSUMED: Final[Mapping[str, int]] = {
    "Conversation.deletedSubtrees": 20,
    "EffectivePermissions.permissions": 100,
    "Replay.flips": 100,
    "Simulation.flips": 100,
    "UsageReport.groups": 100,
    "Query.resourceTypes": 20,
    "Explanation.trace": 20,
    "EffectiveRule.paths": 2,
    "PermissionPath.validity": 2,
    "TraceEntry.paths": 2,
}
"""Other lists, where not `ASSUMED_ELSEWHERE`."""
ASSUMED_ELSEWHERE: Final = 5

Model = Mapping[str, FieldCost]
"""By `Type.field`; a field that isn't in it costs its object, if it gives one."""


def declare(schema: strawberry.Schema) -> Model:
    """The model of a schema, which shows it where it is printed."""
    name_of = schema.config.name_converter.get_graphql_name
    model: dict[str, FieldCost] = {}
    for each in schema.schema_converter.type_map.values():
        definition, made = each.definition, each.implementation
        if not isinstance(definition, StrawberryObjectDefinition):
            continue
        if not isinstance(made, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for field in definition.fields:
            cost = _cost(made, name_of(field))
            if cost != FieldCost():
                model[f"{made.name}.{name_of(field)}"] = cost
                others = [one for one in field.directives if not isinstance(one, Cost | ListSize)]
                field.directives = [*others, *_directives(cost)]
    return model


def _cost(type_: GraphQLObjectType | GraphQLInterfaceType, name: str) -> FieldCost:
    key, field = f"{type_.name}.{name}", type_.fields[name]
    given = get_named_type(field.type)
    weight = WEIGHTS.get(key, MUTATION_WEIGHT if type_.name == "Mutation" else 0)
    if given.name.endswith("Connection"):
        slicing = tuple(each for each in ("first", "last") if each in field.args)
        return FieldCost(weight, DEFAULT_PAGE, slicing, sizes_edges=True)
    if not isinstance(given, GraphQLObjectType | GraphQLInterfaceType) or "[" not in str(field.type) or name == EDGES:
        return FieldCost(weight)
    if key in SLICED:
        argument, size = SLICED[key]
        return FieldCost(weight, size, (argument,))
    return FieldCost(weight, ASSUMED.get(key, ASSUMED_ELSEWHERE))


def _directives(cost: FieldCost) -> list[object]:
    found: list[object] = [Cost(weight=str(cost.weight))] if cost.weight else []
    if cost.size is not None:
        found.append(
            ListSize(
                assumed_size=cost.size,
                slicing_arguments=list(cost.slicing) or UNSET,
                sized_fields=[EDGES] if cost.sizes_edges else UNSET,
            )
        )
    return found
