"""What an execution comes to: all that somebody could tell two of them apart by."""

import json
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLError

from api.errors import code_of, extensions_of
from permissions.access import Taken
from permissions.authn.errors import AuthnUnavailableError

_DECISION: Final = re.compile(r'"[0-9a-f]{32}"')
"""Its name is drawn when it is first asked for."""


@dataclass(frozen=True)
class Outcome:
    """`data`: as JSON, its keys in their order. `calls`: to the database. `counted`: bytes of the answer."""

    data: str
    errors: tuple[Hashable, ...]
    denied: tuple[Hashable, ...]
    allowed: tuple[Hashable, ...]
    calls: tuple[str, ...]
    counted: int
    extensions: str = "{}"
    written: tuple[str, ...] = ()
    """What is stored because of it, where that is looked at."""

    def differences(self, other: "Outcome") -> list[str]:
        """In what they differ, by name."""
        found = [
            name
            for name in ("data", "errors", "denied", "allowed", "counted", "extensions", "written")
            if getattr(self, name) != getattr(other, name)
        ]
        return found + (["calls"] if Counter(self.calls) != Counter(other.calls) else [])

    @property
    def away(self) -> bool:
        """Whether a store did not answer."""
        return any(AuthnUnavailableError.__name__ in repr(each) for each in self.errors)

    def told(self) -> Any:
        """The data."""
        return json.loads(self.data)


def as_json(value: Any) -> str:
    """As clients get it; decisions' names become numbers, in the order in which they come up."""
    names: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f'"decision {len(names)}"')

    return _DECISION.sub(number, _ENCODER.encode(value))


def _scalar(value: Any) -> str:
    """What the serialiser writes of what JSON has not."""
    if isinstance(value, datetime | date):
        return str(orjson.loads(orjson.dumps(value, option=orjson.OPT_NAIVE_UTC)))
    return f"{type(value)} {value!r}"


_ENCODER: Final = json.JSONEncoder(default=_scalar)


def error_key(error: GraphQLError) -> Hashable:
    """All of an error: what it says, where, and what caused it, too, which only the log is told."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    told = () if cause is None else (type(cause).__name__, code_of(cause).value, as_json(extensions_of(cause)))
    places = tuple((each.line, each.column) for each in error.locations or ())
    return error.message, tuple(error.path or ()), places, told, as_json(error.extensions or {})


def decision_key(taken: Any) -> Hashable:
    """What was decided, on what. What isn't a decision stands for itself."""
    if not isinstance(taken, Taken):
        return str(taken)
    one, asked = taken.decision, taken.decision.resource
    return one.action, asked.type, str(asked.id), one.effect.value, one.decided_by, one.shadow, taken.ahead, taken.known


def outcome(result: ExecutionResult, context: Any, calls: Sequence[str]) -> Outcome:
    """Of an execution that has ended, as it is when its answer would go out."""
    takings = context.access.takings()
    return Outcome(
        as_json(result.data),
        tuple(error_key(each) for each in result.errors or ()),
        tuple(decision_key(each) for each in takings.denied),
        tuple(decision_key(each) for each in takings.allowed),
        tuple(calls),
        context.answering._used,
    )
