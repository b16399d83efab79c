"""From an operation to the functions that make its answer."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import strawberry
from graphql import GraphQLObjectType, OperationDefinitionNode, is_abstract_type, is_leaf_type, is_object_type

from api.compiler.arguments import plan
from api.compiler.errors import NotCompilableError
from api.compiler.field import Field
from api.compiler.inputs import Inputs
from api.compiler.keeping import Lasting, keeping
from api.compiler.run import Builder
from api.compiler.seams import (
    FragmentDetails,
    VariableValues,
    collect_fields,
    collect_subfields,
    definition_of,
    resolves_by_type,
)
from api.compiler.source import Selection, Source
from permissions.guards import Guard

Selected = Sequence[tuple[Field, dict[type, Any] | None]]
"""Fields, and for those that are objects what makes their answers, by class."""

MOST_FIELDS: Final = 200
"""Of an operation, one selected for several types counted with each: more is left to graphql-core. To compile takes a
fifth of a millisecond each, in one piece, in which nobody else is answered."""


@dataclass(frozen=True)
class Built:
    """What makes the answers of an operation, with the same `@skip` and `@include`."""

    builders: tuple[tuple[Field | None, Builder], ...]
    """One; of a mutation one for each of its fields, which are executed one after the other."""
    packed: bytes
    """The source of the functions, for who wants to read it: plain it would be a fifth of what they take."""
    fields: int

    @property
    def text(self) -> str:
        """The source of the functions."""
        return zlib.decompress(self.packed).decode()


def build(
    schema: strawberry.Schema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDetails],
    variables: VariableValues,
    *,
    serially: bool,
) -> Built:
    """Raise `NotCompilableError`, or `GraphQLError`, where graphql-core must do it."""
    return _Building(schema, operation, fragments, variables).built(serially=serially)


class _Building:
    def __init__(
        self,
        schema: strawberry.Schema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
    ) -> None:
        self._strawberry: Final = schema
        self._schema: Final = schema._schema
        self._inputs: Final = Inputs(schema)
        self._operation: Final = operation
        self._fragments: Final = fragments
        self._variables: Final = variables
        self._source: Final = Source()
        self._unfilled: Final[list[tuple[dict[type, Any], type, str]]] = []
        self._lasting: Final[dict[str, Lasting | None]] = {}
        """By function; None where an answer may differ from time to time."""
        self._functions: Final[dict[int, list[str]]] = defaultdict(list)
        """The names of those that builders are filled with."""
        self._fields = 0

    def built(self, *, serially: bool) -> Built:
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            raise NotCompilableError
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        if found.new_defer_usages:
            raise NotCompilableError
        fields = self._selected(root, found.grouped_field_set)
        parts = [[each] for each in fields] if serially else [fields]
        names = [self._source.add(Selection(part)) for part in parts]
        text = "\n".join(self._source.lines)
        exec(compile(text, "<operation>", "exec"), self._source.names)  # noqa: S102 - see the invariant of `source`
        for builders, kind, name in self._unfilled:
            made, lasting = self._function(name), self._lasting[name]
            builders[kind] = made if lasting is None or not hasattr(kind, "steady") else keeping(made, lasting)
        makers = tuple(
            (part[0][0] if serially else None, self._function(name)) for part, name in zip(parts, names, strict=True)
        )
        return Built(makers, zlib.compress(text.encode(), 1), self._fields)

    def _function(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = self._source.names[name]
        return function

    def _selected(self, parent: GraphQLObjectType, grouped: dict[str, Any]) -> Selected:
        self._fields += len(grouped)
        if self._fields > MOST_FIELDS:
            raise NotCompilableError
        selected = []
        for key, details in grouped.items():
            definition = self._schema.get_field(parent, details[0].node.name.value)
            if definition is None or any(each.defer_usage or each.fragment_variable_values for each in details):
                raise NotCompilableError
            field = Field(key, parent, definition, details)
            if field.arguments and field.understood and field.made is not None:
                field.plan = plan(self._strawberry, self._inputs, definition, field.nodes[0], field.made.arguments)
            selected.append((field, self._builders(field) if field.understood else None))
        return selected

    def _builders(self, field: Field) -> dict[type, Any] | None:
        """A function for each class whose objects the field may have; they are filled in when all are made."""
        if is_leaf_type(field.named):
            return None
        builders: dict[type, Any] = {}
        for type_ in self._possible(field.named):
            kinds = _kinds(type_, alone=is_object_type(field.named))
            if not kinds:
                continue
            found = collect_subfields(
                self._schema, self._fragments, self._variables, self._operation, type_, field.details
            )
            if found.new_defer_usages:
                raise NotCompilableError
            selected = self._selected(type_, dict(found.grouped_field_set))
            name = self._source.add(Selection(selected))
            self._lasting[name] = self._lasts(selected)
            self._functions[id(builders)].append(name)
            self._unfilled.extend((builders, kind, name) for kind in kinds)
        return builders

    def _lasts(self, selected: Selected) -> Lasting | None:
        guards: dict[Guard, Field] = {}
        number = len(selected)
        for field, builders in selected:
            if not field.steady:
                return None
            asked = [(guard, field) for guard in field.guards or ()]
            for name in self._functions.get(id(builders), ()):
                below = self._lasting[name]
                if below is None:
                    return None
                asked += below.guards.items()
                number += below.fields
            for guard, at in asked:
                guards.setdefault(guard, at)
        return Lasting(guards, number)

    def _possible(self, type_: Any) -> Sequence[GraphQLObjectType]:
        if is_abstract_type(type_):
            return self._schema.get_possible_types(type_) if resolves_by_type(type_) else ()
        return (type_,)


def _kinds(type_: GraphQLObjectType, *, alone: bool) -> tuple[type, ...]:
    """The classes of its objects; none where that can't be said before there is one."""
    made = definition_of(type_)
    if made is None or made.is_type_of is not None:
        return ()
    if made.concrete_of is None:
        return (made.origin,) if alone or made.name == type_.name else ()
    return (made.origin, made.concrete_of.origin) if alone else ()
