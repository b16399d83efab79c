"""What an operation costs by estimate, in one walk; and what it cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from api.documents.cost_model import EDGES, FieldCost, Model
from api.documents.limits import UNBOUNDED
from resolvers.pagination import MAX_PAGE

FREE: Final = FieldCost()


@dataclass(frozen=True, slots=True)
class _Place:
    """A selection that is there `times`. `size` is that of its `edges`; None where it depends on who spreads it."""

    selection_set: SelectionSetNode
    type: GraphQLNamedType | None
    times: int
    size: int | None
    sized: bool = False
    """Whether it is below the edges of a connection that is only known where the fragment is spread."""


@dataclass(slots=True)
class _Part:
    """An operation or a fragment: what it costs, and what of it counts once for each edge."""

    fixed: int = 0
    edge: int = 0
    spreads: list[tuple[str, _Place]] = field(default_factory=list)

    def add(self, cost: int, *, sized: bool) -> None:
        """So much more."""
        if sized:
            self.edge = min(self.edge + cost, UNBOUNDED)
        else:
            self.fixed = min(self.fixed + cost, UNBOUNDED)


class Estimate:
    """Of operations of one schema, by its model."""

    def __init__(self, schema: GraphQLSchema, model: Model) -> None:
        self._schema = schema
        self._model = model

    def of(self, document: DocumentNode, name: str | None, variables: Mapping[str, Any] | None) -> int:
        """What the operation costs at most, if lists are as long as they are taken to be."""
        operation = operation_of(document, name)
        if operation is None:
            return 0
        values = {**_defaults(operation), **(variables or {})}
        root = self._schema.get_root_type(operation.operation)
        parts = {
            each.name.value: self._part(each, self._schema.get_type(each.type_condition.name.value), values, None)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        totals: dict[str, _Part] = {}
        for each in parts:
            _total(each, parts, totals)
        whole = _whole(self._part(operation, root, values, 1), totals)
        return min(whole.fixed + whole.edge, UNBOUNDED)

    def _part(
        self,
        definition: OperationDefinitionNode | FragmentDefinitionNode,
        type_: GraphQLNamedType | None,
        values: Mapping[str, Any],
        size: int | None,
    ) -> _Part:
        part = _Part()
        waiting = [_Place(definition.selection_set, type_, 1, size)]
        while waiting:
            place = waiting.pop()
            for selection in place.selection_set.selections:
                if isinstance(selection, FieldNode):
                    waiting.extend(self._field(part, selection, place, values))
                elif isinstance(selection, InlineFragmentNode):
                    on = selection.type_condition
                    inner = self._schema.get_type(on.name.value) if on else place.type
                    waiting.append(_Place(selection.selection_set, inner, place.times, place.size, place.sized))
                elif isinstance(selection, FragmentSpreadNode):
                    part.spreads.append((selection.name.value, place))
        return part

    def _field(self, part: _Part, node: FieldNode, place: _Place, values: Mapping[str, Any]) -> Iterator[_Place]:
        type_, name = place.type, node.name.value
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) or name not in type_.fields:
            return
        cost = self._model.get(f"{type_.name}.{name}", FREE)
        given = get_named_type(type_.fields[name].type)
        sized, objects, inner = place.sized, 1, 1
        if name == EDGES and type_.name.endswith("Connection"):
            sized, objects = sized or place.size is None, place.size or (0 if place.size == 0 else 1)
        elif cost.size is not None:
            length = _length(node, cost, values)
            objects, inner = (1, length) if cost.sizes_edges else (length, 1)
        times = min(place.times * objects, UNBOUNDED)
        part.add(place.times * cost.weight + (times if is_composite_type(given) else 0), sized=sized)
        if node.selection_set is not None and times:
            yield _Place(node.selection_set, given, times, inner, sized)


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation that is meant; None where that can't be told."""
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    named = [each for each in found if not name or (each.name and each.name.value == name)]
    return named[0] if len(named) == 1 else None


def _total(name: str, parts: Mapping[str, _Part], totals: dict[str, _Part]) -> None:
    """Add up a fragment, after those that it spreads; valid documents have no cycles."""
    waiting, entered = [name], set[str]()
    while waiting:
        current = waiting[-1]
        if current in totals:
            waiting.pop()
        elif current in entered:
            waiting.pop()
            totals[current] = _whole(parts[current], totals)
        else:
            entered.add(current)
            waiting.extend(each for each, _ in parts[current].spreads if each in parts and each not in entered)


def _whole(part: _Part, totals: Mapping[str, _Part]) -> _Part:
    for name, place in part.spreads:
        spread = totals.get(name, _Part())
        part.add(place.times * spread.fixed, sized=place.sized)
        if place.size is None:
            part.add(place.times * spread.edge, sized=True)
        else:
            part.add(place.times * place.size * spread.edge, sized=place.sized)
    return part


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        each.variable.name.value: _value(each.default_value, {})
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }


def _length(node: FieldNode, cost: FieldCost, values: Mapping[str, Any]) -> int:
    """That of the field's list, as its arguments say."""
    given = {each.name.value: _value(each.value, values) for each in node.arguments or ()}
    said = (length_said(given.get(name)) for name in cost.slicing)
    return next((each for each in said if each is not None), cost.size or 0)


def length_said(value: object) -> int | None:
    """How long a list is that `value` is, or asks for; None where it says nothing of that. None is longer than a page.

    A variable may be `100.0`, which is an `Int` as well (GraphQL, 3.5.1).
    """
    if isinstance(value, list):
        return min(len(value), MAX_PAGE)
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        return None
    return max(0, min(int(value), MAX_PAGE))


def _value(node: ValueNode | None, values: Mapping[str, Any]) -> Any:
    """A number, or a list of something; anything else doesn't matter."""
    if isinstance(node, VariableNode):
        return values.get(node.name.value)
    if isinstance(node, IntValueNode):
        return int(node.value) if len(node.value) < 12 else MAX_PAGE
    return list(node.values) if isinstance(node, ListValueNode) else None


class Actual:
    """What an answer cost: its objects, and the weights of the fields that gave them."""

    def __init__(self, schema: GraphQLSchema, model: Model, document: DocumentNode) -> None:
        self._schema = schema
        self._model = model
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def of(self, operation: OperationDefinitionNode, data: Mapping[str, Any] | None) -> int:
        """The cost of `data`, which `operation` was answered with."""
        cost = 0
        waiting: list[tuple[Any, tuple[SelectionSetNode, ...], GraphQLNamedType | None]] = [
            (data, (operation.selection_set,), self._schema.get_root_type(operation.operation))
        ]
        while waiting:
            value, selections, type_ = waiting.pop()
            if isinstance(value, list):
                cost += sum(isinstance(each, dict) for each in value)
                waiting.extend((each, selections, type_) for each in value)
            elif isinstance(value, dict):
                for key, (inner, of, weight) in self._fields(selections, type_).items():
                    if key in value:
                        cost += weight + (isinstance(value[key], dict) and bool(inner))
                        if inner:
                            waiting.append((value[key], inner, of))
        return cost

    def _fields(
        self, selections: tuple[SelectionSetNode, ...], type_: GraphQLNamedType | None
    ) -> dict[str, tuple[tuple[SelectionSetNode, ...], GraphQLNamedType | None, int]]:
        """By their names in the answer: what is selected of them, their type, their weight."""
        found: dict[str, tuple[tuple[SelectionSetNode, ...], GraphQLNamedType | None, int]] = {}
        waiting = [(each, type_) for each in selections]
        spread = set[str]()
        while waiting:
            selection_set, on = waiting.pop()
            for node in selection_set.selections:
                if isinstance(node, InlineFragmentNode):
                    to = node.type_condition
                    waiting.append((node.selection_set, self._schema.get_type(to.name.value) if to else on))
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self._fragments[node.name.value]
                    waiting.append((fragment.selection_set, self._schema.get_type(fragment.type_condition.name.value)))
                elif isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    before, of, weight = found.get(key, ((), None, 0))
                    if isinstance(on, GraphQLObjectType | GraphQLInterfaceType) and node.name.value in on.fields:
                        of = get_named_type(on.fields[node.name.value].type)
                        weight = self._model.get(f"{on.name}.{node.name.value}", FREE).weight
                    inner = (node.selection_set,) if node.selection_set else ()
                    found[key] = ((*before, *inner), of, weight)
        return found
