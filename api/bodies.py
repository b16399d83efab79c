"""JSON that can be understood in one way only (RFC 8259 with the rules of RFC 7493)."""

import json
import re
from collections import Counter
from typing import Any, Final

import orjson

_BOM: Final = b"\xef\xbb\xbf"
_MARKS: Final = b'",:[{'
FEW_CHARACTERS: Final = 1_024
_SPACED: Final = re.compile(r'"[ \t\r\n]+:')


class UnreadableBodyError(Exception):
    """It is no JSON, or JSON that two readers may take for different things."""


class TooManyValuesError(UnreadableBodyError):
    """To read it would take too long: that goes by how many values it has, rather than by its length."""


def require_few(body: bytes, most: int) -> None:
    """Raise `TooManyValuesError` unless it has at most so many names and values, whatever stands in its strings.

    Some milliseconds for each megabyte: nothing is parsed. 8 MB of empty lists took two seconds to read.
    """
    if len(body) - len(body.translate(None, _MARKS)) <= most:  # even if none of them stood in a string
        return
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # by now each quote begins a string, or ends one
    if bare.count(b'"') > 2 * most:
        raise TooManyValuesError(f"it has more than {most:,} strings")
    outside = b"".join(bare.split(b'"')[::2])
    if sum(map(outside.count, (b",", b":", b"[", b"{"))) > most:
        raise TooManyValuesError(f"it has more than {most:,} values")


def parsed(body: bytes | str) -> Any:
    """What a text says. Raises `UnreadableBodyError`, whose message says why."""
    if not body.strip():
        raise UnreadableBodyError("it is empty")
    if isinstance(body, bytes) and body.startswith(_BOM):
        raise UnreadableBodyError("it begins with a byte order mark")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBodyError(f"{error.msg}, at character {error.pos}") from None
    if not _plainly_once(body, value):
        require_once(body)
    return value


def _plainly_once(body: bytes | str, value: Any) -> bool:
    """Whether a short body can't name a member twice: no member is missing from what was read of it.

    Each has a quote and a colon after its name. Texts may have more of those, and then it is not so plain.
    """
    text = body if isinstance(body, str) else body.decode()
    if len(text) > FEW_CHARACTERS or _SPACED.search(text):
        return False
    waiting, members = [value], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            members += len(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return members == text.count('":')


def require_once(body: bytes | str) -> None:
    """Raise `UnreadableBodyError` where sound JSON names a member twice: a proxy before us may have read the other."""
    try:
        json.loads(body, object_pairs_hook=_once, parse_int=float)
    except RecursionError:  # somewhat earlier than the other reader
        raise UnreadableBodyError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        (again, _), *_rest = Counter(name for name, _ in pairs).most_common(1)
        raise UnreadableBodyError(f"an object has more than one member `{again[:100]}`")
