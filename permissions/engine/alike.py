"""What becomes of rules, remembered by all that they read: a crowd that asks about one resource is alike in that."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Final

from permissions.engine.branches import Flag, If
from permissions.engine.comparisons import Equal, Has, In, Ordered
from permissions.engine.conditions import AllOf, AnyOf, Not, anywhere
from permissions.engine.facts import Facts, Resource
from permissions.engine.operands import Attribute, Literal
from permissions.engine.rules import Reason, Rule
from permissions.engine.texts import Sized, Text

MOST: Final = 1_000
"""Kept of one plan; then it is begun anew."""
PARTS: Final = (Not, AllOf, AnyOf, If, Equal, Ordered, In, Has, Flag, Text, Sized, Literal)
"""What a condition may be made of to be remembered: what it says hangs on its attributes, and on nothing else."""
OWN: Final = frozenset({"id", "roles"})
"""What is read of somebody otherwise than by an attribute of his."""
MISSING: Final = object()
"""In place of an attribute that isn't there."""
PLAIN: Final = frozenset({str, int, bool, type(None), type(MISSING)})
"""Of these two of one type that are equal are the same, in every comparison and in every word of an explanation."""

Key = tuple[Any, ...]


class Alike:
    """Of the rules of one plan, about the resource that was asked about last: of one asked about once nothing is kept.

    INVARIANT: a rule is among `_shared` only if its condition reads nothing but the resource, and attributes that are
    in `_names`. So for whoever has the same of those it comes to the same, with the same explanation.
    """

    __slots__ = ("_last", "_names", "_nothing", "_shared")

    def __init__(self, rules: Sequence[Rule]) -> None:
        reads = [None if rule.test is None else _read(rule.condition) for rule in rules]
        self._shared: Final = [rule if read is not None else None for rule, read in zip(rules, reads, strict=True)]
        self._names: Final = sorted({name for read in reads if read is not None for name in read})
        self._nothing: Final[Sequence[Reason | None]] = (None,) * len(rules)
        # One value, as threads share plans: nobody may find one resource beside what is known of another.
        self._last: tuple[Resource | None, dict[Key, Sequence[Reason | None]] | None] = None, None

    def judge(self, facts: Facts) -> Sequence[Reason | None]:
        """What becomes of each rule, as far as that is remembered or can be; None for one that has to be judged."""
        about, known = self._last
        if about is not facts.resource:
            self._last = facts.resource, None
            return self._nothing
        key = self._key(facts.subject.attributes)
        if key is None:
            return self._nothing
        if known is None or len(known) >= MOST:
            known = {}
            self._last = about, known
        found = known.get(key)
        if found is None:
            found = known[key] = [None if rule is None else rule.judge(facts) for rule in self._shared]
        return found

    def _key(self, attributes: Mapping[str, Any]) -> Key | None:
        """By types, too: `True` is 1 in Python, and isn't in a condition. None where anything isn't plain."""
        key: list[Any] = []
        for name in self._names:
            value = attributes.get(name, MISSING)
            if type(value) not in PLAIN:
                return None
            key += type(value), value
        return tuple(key)


def _read(condition: object) -> set[str] | None:
    """The attributes of the user that it reads; None if it may read anything else of who asks, or when, or how."""
    names = set[str]()

    def foreign(part: object) -> bool:
        if isinstance(part, Attribute):
            if part.scope == "user":
                names.add(part.name)
            return part.scope == "env" or (part.scope == "user" and part.name in OWN)
        return is_dataclass(part) and not isinstance(part, PARTS)

    return None if anywhere(condition, foreign) else names
