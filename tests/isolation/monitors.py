"""What is sent to the stores, and written to the log: nothing of a client's is more there than a value."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest
from redis.asyncio.connection import AbstractConnection

from tests.attacks.injection import MARK

CONDITIONS: Final = frozenset({"filter", "query", "q", "$match", "arrayFilters", "sort", "projection", "$project"})
VALUES: Final = frozenset({"$literal", "documents"})
"""Below which all is data, whatever it looks like."""
PIPELINES: Final = frozenset({"pipeline", "u"})
"""Lists of stages, in which a text that begins with `$` is a path; an update that is no list has none."""


def injected(command: Any, within: str = "", *, paths: bool = False) -> Iterator[str]:
    """Where something of a client's is an operator, a field's path, or a regular expression.

    `paths`: whether a text that begins with `$` is a path there.
    """
    if isinstance(command, dict):
        for key, value in command.items():
            yield from _named(key, value, within)
            if key not in VALUES:
                stages = key in PIPELINES and isinstance(value, list)
                here = key if stages or key in CONDITIONS else within
                yield from injected(value, here, paths=stages or key == "$expr" or (paths and key != "$match"))
    elif isinstance(command, list | tuple):
        for each in command:
            yield from injected(each, within, paths=paths)
    elif isinstance(command, str) and paths and command.startswith("$") and MARK in command:
        yield f"the path {command!r} in {within}"
    elif hasattr(command, "pattern"):
        yield from _pattern(command.pattern, within)


def _named(key: str, value: Any, within: str) -> Iterator[str]:
    if within and MARK in key:
        yield f"the key {key!r} in {within}"
    if key in ("$where", "$function", "$accumulator"):
        yield f"{key} in {within}"
    if key == "$regex":
        yield from _pattern(value, within)


def _pattern(pattern: Any, within: str) -> Iterator[str]:
    """A text may be looked for by one, if each of its characters stands for itself."""
    text = getattr(pattern, "pattern", pattern)
    if MARK in str(text) and re.escape(re.sub(r"\\(.)", r"\1", str(text)).lstrip("^")) != str(text).lstrip("^"):
        yield f"the regular expression {text!r} in {within}"


VALUED: Final[Mapping[str, int]] = {
    **dict.fromkeys(("SET", "HSET", "HGET", "HMGET", "XADD", "SADD", "SREM", "SISMEMBER", "ZREM", "ZSCORE"), 2),
    **dict.fromkeys(("PUBLISH", "SPUBLISH"), 2),
    "ZADD": 3,
}
"""From which argument on a command of Redis has values; what is before, and all of others, is keys or has a meaning."""
_SCRIPTS: Final = ("EVAL", "EVALSHA", "FCALL")
NEVER: Final = frozenset({"KEYS", "FLUSHALL", "FLUSHDB", "CONFIG", "DEBUG"})


def injected_in_redis(command: Sequence[Any]) -> Iterator[str]:
    """Where something of a client's is a key, a pattern, a command or a script.

    A script makes its keys of values, too: one that begins as ours do is none.
    """
    texts = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in command]
    name = texts[0].upper()
    if name in NEVER:
        yield f"{name} is sent"
    keys = 3 + int(texts[2]) if name in _SCRIPTS else VALUED.get(name, len(texts))
    for place, text in enumerate(texts):
        if MARK in text and (place < keys or text.startswith(("parley", "{parley"))):
            yield f"{text[:100]!r} as argument {place} of {name}"


@contextmanager
def redis_commands() -> Iterator[list[tuple[Any, ...]]]:
    """All that any client in this process sends to Redis inside the block."""
    sent: list[tuple[Any, ...]] = []
    pack: Callable[..., Any] = AbstractConnection.pack_command

    def packed(self: Any, *command: Any) -> Any:
        sent.append(command)
        return pack(self, *command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AbstractConnection, "pack_command", packed)
        yield sent


def unruly(log: str) -> list[str]:
    """Lines that are no record, or that hold more than printable text, or anything that a client sent."""
    found = []
    for line in filter(None, log.split("\n")):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        control = any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") for each in line)
        if not isinstance(record, dict) or control or MARK in line:
            found.append(line[:300])
    return found
