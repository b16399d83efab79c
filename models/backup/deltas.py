"""What an update did to a document, as a change stream tells it, and doing it again. Pure.

A delta sets, cuts and unsets places, and never looks at what was there; so all of a document's changes in their order
lead to its present state from any state that it had meanwhile. A place that is not there, because the document is of a
later time than the delta, is passed over: some later delta takes it away.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from models.database import Record

Path: TypeAlias = Sequence[str | int]
_NOWHERE: Final = object()
_FILLED: Final = 1_500_000
"""Elements by which MongoDB itself lengthens an array at the most. More is the name of a field: no array was there."""


def delta(described: Mapping[str, Any]) -> Record:
    """The delta of an event's `updateDescription`."""
    told = described.get("disambiguatedPaths") or {}

    def path(name: str) -> list[str | int]:
        return list(told.get(name) or name.split("."))

    cuts = described.get("truncatedArrays") or []
    return {
        "cut": [[path(each["field"]), each["newSize"]] for each in cuts],
        "unset": [path(name) for name in described.get("removedFields") or []],
        "set": [[path(name), value] for name, value in (described.get("updatedFields") or {}).items()],
    }


def apply(document: Record, change: Mapping[str, Any]) -> None:
    """Change `document` as a `delta` says."""
    for path, size in change["cut"]:
        array = _at(document, path)
        if isinstance(array, list):
            del array[size:]
    for path in change["unset"]:
        _unset(_at(document, path[:-1]), path[-1])
    for path, value in change["set"]:
        _set(_at(document, path[:-1]), path[-1], value)


def _at(document: Record, path: Path) -> Any:
    node: Any = document
    for step in path:
        if isinstance(node, dict):
            node = node.get(str(step), _NOWHERE)
        elif isinstance(node, list) and (place := _place(step)) is not None and place < len(node):
            node = node[place]
        else:
            return _NOWHERE
    return node


def _set(parent: Any, step: str | int, value: Any) -> None:
    if isinstance(parent, dict):
        parent[str(step)] = value
    elif isinstance(parent, list) and (place := _place(step)) is not None and place <= len(parent) + _FILLED:
        parent.extend([None] * (place + 1 - len(parent)))
        parent[place] = value


def _unset(parent: Any, step: str | int) -> None:
    if isinstance(parent, dict):
        parent.pop(str(step), None)
    elif isinstance(parent, list) and (place := _place(step)) is not None and place < len(parent):
        parent[place] = None  # MongoDB leaves a hole, too


def _place(step: str | int) -> int | None:
    return int(step) if isinstance(step, int) or step.isdecimal() else None
