"""Foreign values made storable: times, titles, texts, free-form extras."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from math import isfinite
from typing import Any, Final

import orjson

from models.bucket import Metadata
from models.clock import stored

TITLE_LENGTH: Final = 80
"""Characters of a title made from a message."""

NESTING: Final = 12
"""How deep an extra may nest; what lies deeper is cut (MongoDB stops at 100)."""

OMITTED_BYTES: Final = 512
"""Room left for the names of extras that didn't fit."""

INT64: Final = range(-(2**63), 2**63)


def moment(value: object) -> datetime | None:
    """The time that `value` names: seconds since 1970 as number or text, or ISO 8601; None if it names none."""
    seconds = _number(value)
    try:
        if seconds is not None:
            return stored(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else None
        if isinstance(value, str):
            return _iso(value)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError, DecimalException):
        return None
    return number if isfinite(number) else None


def _iso(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return stored(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def text_of(value: str) -> str:
    """`value` with U+FFFD for each half of a surrogate pair, which is no character and can't be stored."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def headline(text: str, length: int = TITLE_LENGTH) -> str | None:
    """The first line that says something, cut at a word to `length` characters."""
    line = next((line.strip() for line in text[: 100 * length].splitlines() if line.strip()), "")
    if len(line) <= length:
        return line or None
    return (line[:length].rpartition(" ")[0] or line[: length - 1]).rstrip() + "…"


def metadata(values: Mapping[str, Any], limit: int, model: object = None, finish: object = None) -> Metadata | None:
    """Metadata of at most `limit` bytes of JSON; None if there is nothing to say."""
    made = Metadata(llm_model=_label(model), finish_reason=_label(finish))
    spent = len(made.model_dump_json(exclude_none=True))
    made.extra = extras(values, limit - spent - OMITTED_BYTES)
    if made == Metadata() or len(made.model_dump_json(exclude_none=True).encode()) > limit:
        return None
    return made


def _label(value: object) -> str | None:
    return text_of(value)[:TITLE_LENGTH] if isinstance(value, str) and value else None


def extras(values: Mapping[str, Any], size: int) -> dict[str, Any]:
    """What of `values` says something and fits in `size` bytes of JSON; `omitted` names the rest."""
    kept: dict[str, Any] = {}
    omitted: list[str] = []
    for name, value in values.items():
        if value is None or value is False or value in ("", [], {}):
            continue
        made = plain(value)
        cost = len(orjson.dumps({name: made}))
        if cost > size:
            omitted.append(name)
        else:
            kept[name] = made
            size -= cost
    return kept | {"omitted": omitted} if omitted else kept


def plain(value: object, room: int = NESTING) -> Any:
    """`value` as both JSON and BSON can hold it."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return _plain_number(value)
    if room == 0:
        return "…"
    if isinstance(value, Mapping):
        return {_key(key): plain(inner, room - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, room - 1) for inner in value]
    return str(value)


def _plain_number(value: float | Decimal) -> int | float | str:
    if isinstance(value, int):
        return value if value in INT64 else str(value)
    number = _number(value)
    return str(value) if number is None else number


def _key(key: object) -> str:
    """MongoDB reads a dot and a leading `$` in a name as more than a name, and ends it at a NUL."""
    name = text_of(str(key)).replace(".", "\uff0e").replace("\0", "\ufffd")  # fullwidth full stop
    return "\uff04" + name[1:] if name.startswith("$") else name
