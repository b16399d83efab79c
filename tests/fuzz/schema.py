"""The schema that is promised: cases are made by it, not by what the server says of itself."""

from importlib.resources import files
from typing import Final

from graphql import GraphQLSchema, build_schema

SCHEMA: Final[GraphQLSchema] = build_schema(files("api").joinpath("schema.graphql").read_text())
