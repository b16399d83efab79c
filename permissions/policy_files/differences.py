"""What a policy file would change: each field that is added, changed or taken away, in lines for people."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from models.policy import Policy
from models.resource_type import ResourceType
from models.role import Role
from permissions.policy_files.file import PolicyFile
from permissions.state import Record, State, Stored, record_of

LONGEST: Final = 160
"""Characters of a value that are shown."""
KINDS: Final[dict[type[Any], str]] = {ResourceType: "resource type", Role: "role", Policy: "policy"}


def differences(file: PolicyFile, base: State) -> Iterator[str]:
    """Nothing for what is there already. The documents must be bound (`Database.connect`)."""
    after = file.over(base)
    pairs: list[tuple[Stored | None, Stored]] = [
        *((base.types.get(each.id), after.types[each.id]) for each in file.types),
        *((base.roles.get(each.id), after.roles[each.id]) for each in file.roles),
        *((base.policies.get(each.id), after.policies[each.id]) for each in file.policies),
    ]
    for known, document in pairs:
        fields = list(_fields(record_of(known) if known else {}, record_of(document)))
        if fields:
            yield f"{'~' if known else '+'} {KINDS[type(document)]} {document.id}"
            yield from fields


def _fields(before: Record, after: Record) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if name == "_id" or old == new or (_empty(old) and _empty(new)):
            continue
        yield from _of_list(name, old or [], new or []) if isinstance(old or new, list) else _of_value(name, old, new)


def _of_value(name: str, old: Any, new: Any) -> Iterator[str]:
    if _empty(old):
        yield f"    + {name}: {_shown(new)}"
    elif _empty(new):
        yield f"    - {name}: {_shown(old)}"
    else:
        yield f"    ~ {name}: {_shown(old)} → {_shown(new)}"


def _of_list(name: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    """Element by element; where only their order differs, both as a whole."""
    lost, gained = [each for each in old if each not in new], [each for each in new if each not in old]
    yield from (f"    - {name}: {_shown(each)}" for each in lost)
    yield from (f"    + {name}: {_shown(each)}" for each in gained)
    if not lost and not gained:
        yield f"    ~ {name}: {_shown(old)} → {_shown(new)}"


def _empty(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _shown(value: Any) -> str:
    text = orjson.dumps(_without_empty(value), default=str).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _without_empty(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_empty(each) for key, each in value.items() if not _empty(each)}
        case list():
            return [_without_empty(each) for each in value]
        case _:
            return value
