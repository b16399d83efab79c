"""From a coerced variable to what a resolver wants: what Strawberry asks for each value, asked once."""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import strawberry

from api.compiler.errors import NotCompilableError
from api.compiler.seams import (
    LazyType,
    StrawberryEnumDefinition,
    StrawberryList,
    StrawberryObjectDefinition,
    StrawberryOptional,
    is_scalar,
    object_definition,
)

Convert = Callable[[Any], Any]


class Inputs:
    """Types of arguments, by a schema."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._config: Final = schema.config
        self._scalars: Final = schema.schema_converter.scalar_registry
        self._objects: Final[dict[type, _Object]] = {}

    def converter(self, type_: Any) -> Convert | None:
        """None for values that are what is wanted. Raise `NotCompilableError` for types with a way of their own."""
        if type(type_) is StrawberryOptional:
            return self.converter(type_.of_type)
        if isinstance(type_, LazyType):
            return self.converter(type_.resolve_type())
        if type(type_) is StrawberryList:
            return _list(self.converter(type_.of_type))
        if self._leaf(type_):
            return None
        made = object_definition(type_)
        if made is None or made.from_input is not None or not made.is_input:
            raise NotCompilableError
        if type_ not in self._objects:  # before its fields: it may have itself within
            self._objects[type_] = found = _Object(type_, made)
            found.fields.extend(
                (
                    self._config.name_converter.from_field(each),
                    each.python_name,
                    self.converter(each.resolve_type(type_definition=made)),
                )
                for each in made.fields
            )
        return self._objects[type_].convert

    def _leaf(self, type_: Any) -> bool:
        if type_ is strawberry.relay.GlobalID:
            raise NotCompilableError
        enum = getattr(type_, "__strawberry_definition__", type_)
        return isinstance(enum, StrawberryEnumDefinition) or is_scalar(type_, self._scalars)


def _list(convert: Convert | None) -> Convert:
    def converted(values: Any) -> Any:
        if values is None or values is strawberry.UNSET:
            return values
        return list(values) if convert is None else [convert(each) for each in values]

    return converted


class _Object:
    """An input type."""

    def __init__(self, kind: type, made: StrawberryObjectDefinition) -> None:
        self._kind: Final = kind
        self.fields: Final[list[tuple[str, str, Convert | None]]] = []
        """Their names in the schema and in Python."""
        self._empty: Final = {
            each.python_name: None
            for each in made.fields
            if each.default_value is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        }

    def convert(self, value: Any) -> Any:
        if value is None or value is strawberry.UNSET:
            return value
        kwargs: dict[str, Any] = self._empty.copy()
        for given, name, convert in self.fields:
            if given in value:
                inner = value[given]
                kwargs[name] = inner if convert is None else convert(inner)
        return self._kind(**kwargs)
