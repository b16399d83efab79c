"""Attributes from outside, checked."""

from typing import Any, Final

import orjson

from models.free_form import FreeFormError, check_free_form
from resolvers.errors import BadInputError

MOST_BYTES: Final = 16 * 1024


def free_form(value: object, field: str) -> dict[str, Any]:
    """Attributes from outside. Raises `BadInputError`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInputError(field, "must be an object")
    try:
        check_free_form(value)
    except FreeFormError as error:
        raise BadInputError(field, str(error)) from None
    if len(orjson.dumps(value)) > MOST_BYTES:
        raise BadInputError(field, f"must be {MOST_BYTES} bytes at most")
    return value
