"""Foreign values made storable: times, titles, texts, free-form extras."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from math import isfinite
from typing import Any, Final

import orjson

from models.bucket import MAX_COUNT, Metadata
from models.clock import stored

TITLE_LENGTH: Final = 80
"""Characters of a title made from a message."""

NESTING: Final = 12
"""How deep an extra may nest; what lies deeper is cut (MongoDB stops at 100)."""

OMITTED_BYTES: Final = 512
"""Room left for the names of extras that didn't fit."""

FAR_OFF: Final = 1e11
"""Seconds since 1970 in the year 5138."""

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


def epoch(value: object) -> datetime | None:
    """As `moment`, where some versions wrote milli-, micro- or nanoseconds: told by the size, as no time is far off."""
    number = None if isinstance(value, str) else _number(value)
    for _ in range(3):
        number = number / 1000 if number is not None and number > FAR_OFF else number
    return moment(value if number is None else number)


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


@dataclass(frozen=True, slots=True)
class Made:
    """How a message was made, as far as its file says. Latency in milliseconds."""

    model: object = None
    finish: object = None
    tokens_in: object = None
    tokens_out: object = None
    tokens_used: object = None
    latency_ms: object = None
    reasoning: str = ""

    def metadata(self) -> Metadata:
        """The same without the reasoning, as far as it makes sense."""
        tokens_in, tokens_out = _count(self.tokens_in), _count(self.tokens_out)
        apart = tokens_in is not None or tokens_out is not None
        return Metadata(
            llm_model=_label(self.model),
            tokens_used=None if apart else _count(self.tokens_used),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            latency_ms=_count(self.latency_ms),
            finish_reason=_label(self.finish),
        )


def metadata(values: Mapping[str, Any], limit: int, made: Made) -> tuple[Metadata | None, str | None]:
    """Metadata of at most `limit` bytes of JSON, None if there is nothing to say; and what was cut.

    Reasoning goes in `extra`, as much as there is room for beside the rest.
    """
    about = made.metadata()
    spent = len(about.model_dump_json(exclude_none=True))
    room = limit - spent - OMITTED_BYTES
    about.extra = extras(values, room)
    kept = ""
    if made.reasoning:
        kept = _cut(text_of(made.reasoning), room - len(orjson.dumps(about.extra)) - OMITTED_BYTES)
        about.extra |= {"reasoning": kept} if kept else {}
    if about == Metadata() or len(about.model_dump_json(exclude_none=True).encode()) > limit:
        return None, None
    if len(kept) == len(made.reasoning):
        return about, None
    return about, f"its reasoning has {len(made.reasoning):,} characters, {len(kept):,} of them are kept"


def _cut(text: str, room: int) -> str:
    """As much of `text` from its beginning as fits in `room` bytes of JSON."""
    text = text[: max(room, 0)]
    while text and (size := len(orjson.dumps(text))) > room:
        text = text[: min(len(text) - 1, len(text) * room // size)]
    return text


def _count(value: object) -> int | None:
    """A whole number that a `Metadata` may hold."""
    number = _number(value)
    return round(number) if number is not None and 0 <= number <= MAX_COUNT else None


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
    """MongoDB reads a dot and a leading `$` in a name as more than a name, ends it at a NUL; an empty one is none."""
    name = text_of(str(key) or "\ufffd").replace(".", "\uff0e").replace("\0", "\ufffd")  # fullwidth full stop
    return "\uff04" + name[1:] if name.startswith("$") else name
