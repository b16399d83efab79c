"""Schemathesis' own cases for each root field: positive ones by the schema, negative ones that break it once."""

from functools import cache
from typing import Any, Final

import schemathesis.graphql
from graphql import (
    ArgumentNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    introspection_from_schema,
    parse,
    parse_value,
    print_ast,
    visit,
)
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.fuzz.schema import SCHEMA
from tests.fuzz.values import DATES, INTEGERS, MOMENTS, ODD, TEXTS, Values, literal

SCALARS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "JSON": st.sampled_from(TEXTS).map(nodes.String) | st.sampled_from(INTEGERS).map(nodes.Int),
    "DateTime": st.sampled_from(MOMENTS).map(nodes.String),
    "Date": st.sampled_from(DATES).map(nodes.String),
}


@cache
def stock() -> dict[str, st.SearchStrategy[str]]:
    """Documents by root field, such as `Query.me`."""
    for name, strategy in SCALARS.items():
        schemathesis.graphql.scalar(name, strategy)
    schema = schemathesis.graphql.from_dict(dict(introspection_from_schema(SCHEMA)))
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    modes = [(each, mode) for each in operations for mode in GenerationMode]
    return {
        label: st.one_of(
            *(each.as_strategy(generation_mode=mode).map(_text) for each, mode in modes if each.label == label)
        )
        for label in {each.label: None for each in operations}
    }


def _text(case: Any) -> str:
    return str(case.body)


@st.composite
def seasoned(draw: st.DrawFn, documents: st.SearchStrategy[str], values: Values) -> str:
    """Those, most of whose values are usual ones for their places."""
    text = draw(documents)
    try:
        document = parse(text)
    except GraphQLError:
        return text
    info, here = TypeInfo(SCHEMA), values.somewhere(draw)

    class Seasoning(Visitor):
        """Each value of a scalar; names of fields lie on the way to it."""

        def enter(self, node: Node, *_: Any) -> Any:
            if not isinstance(node, ArgumentNode | ObjectFieldNode) or isinstance(node.value, ObjectValueNode):
                return None
            type_ = info.get_input_type()
            if type_ is None or not draw(st.integers(0, ODD)):
                return None
            return type(node)(name=node.name, value=_node(literal(here.draw(draw, type_, 0, node.name.value), type_)))

    return print_ast(visit(document, TypeInfoVisitor(info, Seasoning())))


def _node(text: str) -> Any:
    try:
        return parse_value(text)
    except GraphQLError:  # what no document can have
        return parse_value("null")
