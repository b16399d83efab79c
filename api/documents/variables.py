"""Variables: how many, how large and how deep, looked at only as far as they may go."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLError

from api.documents.limits import DocumentLimits, exceeded
from api.errors import Code

PLAIN_BYTES: Final = 8
"""What a number or the like counts as."""
_NESTED: Final = (Mapping, list)


def require(variables: Mapping[str, Any] | None, limits: DocumentLimits) -> None:
    """Raise `GraphQLError` where they are too many, too large or too deep."""
    if not variables:
        return
    if len(variables) > limits.variables:
        raise exceeded("variables", limits.variables, "an operation may be sent so many variables:")
    size, values = 0, 0
    waiting: list[tuple[Any, int]] = [(each, 1) for each in variables.values()]
    while waiting:
        value, depth = waiting.pop()
        size, values = size + _size(value), values + 1
        if depth > limits.variable_depth:
            raise exceeded("variable_depth", limits.variable_depth, "variables may be nested so deep:")
        if not isinstance(value, str) and isinstance(value, _NESTED):
            if values + len(waiting) + len(value) > limits.variable_values:
                raise exceeded("variable_values", limits.variable_values, "variables may hold so many values:")
            inside = value.values() if isinstance(value, Mapping) else value
            waiting.extend((each, depth + 1) for each in inside)
        if size > limits.variable_bytes:
            what = "variables may have so many bytes:"
            raise exceeded("variable_bytes", limits.variable_bytes, what, Code.PAYLOAD_TOO_LARGE)


def _size(value: Any) -> int:
    """About so many bytes, of the value alone."""
    if isinstance(value, str):
        return _bytes(value)
    return sum(map(_bytes, value)) if isinstance(value, Mapping) else PLAIN_BYTES


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def problem(variables: Mapping[str, Any] | None, limits: DocumentLimits) -> GraphQLError | None:
    """What is too much about them, if anything is."""
    try:
        require(variables, limits)
    except GraphQLError as error:
        return error
    return None
