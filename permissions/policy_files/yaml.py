"""YAML as policy files use it: maps, lists and plain values, each with its place. No aliases, no tags, no surprises.

Values are those of JSON, and moments: `no` and `1:30` are texts, as YAML 1.2 has them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import yaml

from permissions.policy_files.errors import PolicyFileError

LARGEST: Final = 512 * 1024
"""Bytes of a file."""
DEEPEST: Final = 24
"""Lists and maps within each other."""
MOST: Final = 100_000
"""Values in a file."""

WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", re.ASCII)
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[-+]\d\d:\d\d)", re.ASCII)


@dataclass(slots=True)
class Node:
    """A value and where it begins. Of a map the value holds nodes by key, and `keys` where each key stands."""

    value: Any
    line: int
    column: int
    keys: dict[str, "Node"] = field(default_factory=dict)

    def error(self, reason: str) -> PolicyFileError:
        """Something is wrong here."""
        return PolicyFileError(reason, self.line, self.column)

    def plain(self) -> Any:
        """The value, without places."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        return [each.plain() for each in self.value] if isinstance(self.value, list) else self.value

    def find(self, path: tuple[str | int, ...]) -> "Node":
        """What stands at `path`, or the last thing on the way there."""
        node = self
        for step in path:
            try:
                node = node.value[step]
            except (TypeError, KeyError, IndexError):
                break
        return node


def read(content: bytes) -> Node:
    """The document in `content`. Raises `PolicyFileError`."""
    if len(content) > LARGEST:
        raise PolicyFileError(f"is larger than {LARGEST // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyFileError("is not UTF-8", content.count(b"\n", 0, error.start) + 1) from None
    try:
        return _document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PolicyFileError(f"not YAML: {error.problem or error.context}", *where) from None
    except yaml.YAMLError as error:
        raise PolicyFileError(f"not YAML: {str(error).splitlines()[0]}") from None


_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _document(events: Iterator[yaml.Event]) -> Node:
    """The only document. Built without recursion, and with a count, so that no file costs more than its size."""
    open_: list[_Open] = []
    root: Node | None = None
    for number, event in enumerate(events):
        node = _node(event, number)
        if node is None:
            if isinstance(event, yaml.CollectionEndEvent):
                open_.pop()
            continue
        if open_:
            open_[-1].take(node)
        elif root is None:
            root = node
        else:
            raise node.error("a second document: a file holds one")
        if isinstance(node.value, dict | list):
            open_.append(_Open(node))
            if len(open_) > DEEPEST:
                raise node.error(f"nested deeper than {DEEPEST} levels")
    if root is None or root.value is None:
        raise PolicyFileError("is empty", 1, 1)
    return root


def _node(event: yaml.Event, number: int) -> Node | None:
    """What begins with this event, if anything does."""
    if not isinstance(event, yaml.NodeEvent):
        return None
    mark = event.start_mark
    node = Node(None, mark.line + 1, mark.column + 1) if mark else Node(None, 1, 1)
    if number > MOST:
        raise node.error(f"more than {MOST:,} values")
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise node.error("anchors and aliases are not for policy files: write it out")
    if getattr(event, "tag", None) is not None:
        raise node.error("tags are not for policy files")
    if isinstance(event, yaml.ScalarEvent):
        node.value = event.value if event.style else _resolved(event.value, node)
    else:
        node.value = {} if isinstance(event, yaml.MappingStartEvent) else []
    return node


class _Open:
    """A list or a map that has begun."""

    def __init__(self, node: Node) -> None:
        self._node: Final = node
        self._key: str | None = None

    def take(self, node: Node) -> None:
        """The next thing in it: in a map keys and values by turns."""
        if isinstance(self._node.value, list):
            self._node.value.append(node)
        elif self._key is None:
            self._key = self._checked(node)
            self._node.keys[self._key] = node
        else:
            self._node.value[self._key] = node
            self._key = None

    def _checked(self, key: Node) -> str:
        if not isinstance(key.value, str):
            raise key.error("a key must be a text")
        if key.value in self._node.keys:
            raise key.error(f"key `{key.value[:100]}` is there twice")
        return key.value


def _resolved(text: str, node: Node) -> Any:
    """What a value without quotes is."""
    if text in WORDS:
        return WORDS[text]
    number = NUMBER.fullmatch(text)
    if number:
        return float(text) if number[2] or number[3] else int(text)
    if MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise node.error(f"not a moment: `{text}`") from None
    return text
