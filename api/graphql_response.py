"""GraphQL over HTTP: how an answer says what became of a request.

<https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes>
"""

from collections.abc import Sequence
from typing import Any, Final

from graphql import GraphQLError
from strawberry.http import GraphQLHTTPResponse

from api.graphql_request import RESPONSE
from api.refusals import STATUSES

PARTIAL_SUCCESS: Final = 294
"""Data, and errors: the specification's own. Clients take any status from 200 to 299 for a success."""
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="parley"'}
"""Of each 401 (RFC 9110, 15.5.2)."""


LATE: Final = frozenset({"answer_bytes", "seconds"})
"""Limits that are found to be exceeded while something is executed: what it has changed stays changed."""


def never_executed(errors: Sequence[GraphQLError] | None) -> bool:
    """Whether errors are about the request: those of fields have a path."""
    about = [error for error in errors or () if error.path is None]
    return bool(about) and not any((error.extensions or {}).get("limit") in LATE for error in about)


def status(response: GraphQLHTTPResponse, media_type: str) -> int:
    """Of an answer to a well-formed request. Whoever reads plain JSON is told in the body alone: so it always was.

    422 would be better for what is no sound document, says the specification, and its audit asks for 400.
    """
    errors: Sequence[Any] = response.get("errors") or ()
    if media_type != RESPONSE or not errors:
        return 200
    if "data" in response:
        return PARTIAL_SUCCESS
    return STATUSES.get(str((errors[0].get("extensions") or {}).get("code")), 400)
