"""Who may read the schema, by asking for it or by having errors guess at it."""

import re
from typing import Final

from graphql import GraphQLError

from api.documents.limits import Introspection
from permissions.actions import Action
from permissions.engine.facts import Resource
from resolvers.context import Context

SCHEMA: Final = Resource("schema")
_SUGGESTION: Final = re.compile(r" Did you mean [^?]*\?")


def may_introspect(context: Context, introspection: Introspection) -> bool:
    """Whether the caller may; nothing is logged of that."""
    access = context.access
    if introspection == "everyone":
        return True
    if introspection == "signed_in":
        return access.subject is not None
    return access.subject is not None and bool(access.consider(Action.SCHEMA_INTROSPECT, SCHEMA))


def require_introspection(context: Context, introspection: Introspection) -> None:
    """Raise `UnauthenticatedError` or `DeniedError` where he may not."""
    if introspection == "everyone":
        return
    context.access.require_signed_in()
    if introspection == "permitted":
        context.access.require(Action.SCHEMA_INTROSPECT, SCHEMA)


def without_suggestion(error: GraphQLError) -> None:
    """Take out what graphql-core thinks may have been meant, of a value of a variable too."""
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        error.message = _SUGGESTION.sub("", error.message)
