"""Requests over HTTP that may name a document: Strawberry reads everything of one but `documentId`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strawberry.http import GraphQLRequestData


@dataclass
class Named(GraphQLRequestData):
    """`document_id` as it came: anything that JSON has."""

    document_id: object = None


@dataclass
class Resolved(GraphQLRequestData):
    """`query` is what is to be run, whatever was sent."""


def named(
    data: GraphQLRequestData | list[GraphQLRequestData], sent: Any
) -> GraphQLRequestData | list[GraphQLRequestData]:
    """The same, with the ids that are in what was `sent`: an object, or in a batch a list of them."""
    if not isinstance(data, list):
        return _named(data, sent)
    parts = sent if isinstance(sent, Sequence) else ()
    return [_named(each, part) for each, part in zip(data, parts, strict=True)]


def document_id(data: GraphQLRequestData) -> object:
    """What a request has as its `documentId`."""
    return data.document_id if isinstance(data, Named) else None


def _named(data: GraphQLRequestData, sent: Any) -> GraphQLRequestData:
    given = sent.get("documentId") if isinstance(sent, Mapping) else None
    if given is None:
        return data
    return Named(data.query, data.variables, data.operation_name, data.extensions, data.protocol, given)
