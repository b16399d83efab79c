"""Each operation's document is judged before it is executed, whichever way it came."""

import re
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema

from api.documents.limits import DocumentLimits, exceeded
from api.documents.measure import problem, require
from api.documents.memory import Documents
from api.documents.parsing import TOO_DEEP, Step, parse
from api.documents.schema_access import may_introspect
from api.documents.tokens import crowded
from api.documents.validation import validate
from api.errors import Code
from resolvers.context import Context

_TOO_MANY_TOKENS: Final = re.compile(r"Syntax Error: Document contains more than \d+ tokens\.")
_TOO_DEEP: Final = f"Syntax Error: {TOO_DEEP}"


def overlong(text: str | None, limits: DocumentLimits) -> GraphQLError | None:
    """What is said of a document that is too long to be read."""
    if text is None or len(text) <= limits.characters:
        return None
    what = "a document may have so many characters (long values belong into variables):"
    return exceeded("characters", limits.characters, what, Code.PAYLOAD_TOO_LARGE)


def unread(error: GraphQLError, limits: DocumentLimits) -> GraphQLError:
    """What is said where a document could not be parsed: an error of syntax, or that it was too much."""
    if _TOO_MANY_TOKENS.match(error.message):
        return _too_many_tokens(limits)
    if error.message.startswith(_TOO_DEEP):
        return exceeded("depth", limits.depth, "fields may be nested so deep:")
    return error


def sound(schema: GraphQLSchema, text: str, documents: Documents, limits: DocumentLimits) -> DocumentNode:
    """The document, if it is valid and within its limits; it is remembered. Raise `GraphQLError` where it isn't."""
    known = documents.find(text)
    if known is not None:
        return known
    if (error := overlong(text, limits)) is not None:
        raise error
    document = read(text, limits)
    require(document, limits)
    if errors := validate(schema, document, limits, suggest=False):
        raise errors[0]
    documents.remember(text, document)
    return document


def read(text: str, limits: DocumentLimits, step: Step | None = None) -> DocumentNode:
    """A document that is not too long, parsed. Raise `GraphQLError` where it can't be."""
    if crowded(text, limits.tokens):
        raise _too_many_tokens(limits)
    try:
        return parse(text, max_tokens=limits.tokens, step=step)
    except GraphQLError as error:
        told = unread(error, limits)
        error.message, error.extensions = told.message, told.extensions
        raise


def flaws(
    schema: GraphQLSchema,
    document: DocumentNode,
    limits: DocumentLimits,
    *,
    suggest: bool,
    step: Step | None = None,
) -> list[GraphQLError]:
    """What is wrong with a document, or too much of it; `suggest` what may have been meant."""
    if (error := problem(document, limits, step or _none)) is not None:
        return [error]
    return validate(schema, document, limits, suggest=suggest, step=step)


def _none() -> None:
    """Nobody is told of a step."""


def suggests(asker: object, limits: DocumentLimits) -> bool:
    """Whether `asker`, the context of an operation, may know what the schema has."""
    return isinstance(asker, Context) and may_introspect(asker, limits.introspection)


def _too_many_tokens(limits: DocumentLimits) -> GraphQLError:
    return exceeded("tokens", limits.tokens, "a document may have so many tokens:")
