"""A request's body: JSON that can be understood in one way only, and of bounded size (AuthZEN 1.0, 10.1 and 11.6)."""

from typing import Any, Final

import orjson

from api.bodies import UnreadableBodyError, require_once

MOST_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_TEXT: Final = 1_024
"""Characters of a type, an id or a name."""
JSON: Final = "application/json"


class BadRequestError(Exception):
    """The request can't be meant; the message is a whole sentence."""


class TooLargeError(BadRequestError):
    """The body is too long."""


def read(content_type: str, body: bytes) -> dict[str, Any]:
    """The object in `body`. Raises `BadRequestError`."""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise BadRequestError(f"the content type must be `{JSON}`")
    if len(body) > MOST_BYTES:
        raise TooLargeError(f"the body must not exceed {MOST_BYTES:,} bytes")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error.msg}, at character {error.pos}") from None
    if not isinstance(value, dict):
        raise BadRequestError("the body must be a JSON object")
    _check_depth(value)
    try:
        require_once(body)
    except UnreadableBodyError as error:
        raise BadRequestError(str(error)) from None
    return value


def mapping(parent: dict[str, Any], name: str, *, required: bool = False) -> dict[str, Any]:
    """A member that is an object; an empty one where it is missing, unless it is `required`."""
    value = parent.get(name)
    if value is None and not required:
        return {}
    if value is None:
        raise BadRequestError(f"`{name}` is missing")
    if not isinstance(value, dict):
        raise BadRequestError(f"`{name}` must be an object")
    return value


def text(parent: dict[str, Any], name: str, path: str) -> str:
    """A member that is a text, and must be there; `path` is its object's name."""
    value = parent.get(name)
    if value is None:
        raise BadRequestError(f"`{path}.{name}` is missing")
    if not isinstance(value, str):
        raise BadRequestError(f"`{path}.{name}` must be a string")
    if len(value) > MAX_TEXT:
        raise BadRequestError(f"`{path}.{name}` must not exceed {MAX_TEXT:,} characters")
    return value


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise BadRequestError(f"the body is nested deeper than {MAX_DEPTH} levels")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
