"""Schemathesis' own cases for each root field: positive ones by the schema, negative ones that break it once."""

from functools import cache
from typing import Any, Final

import schemathesis.graphql
from graphql import introspection_from_schema
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.fuzz.schema import SCHEMA
from tests.fuzz.values import DATES, INTEGERS, MOMENTS, TEXTS

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
