"""The living rules, found by what they look at: a token costs a few look-ups, however many rules there are."""

import heapq
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple

from permissions.authn.revocation.addresses import BITS
from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.rules import Rule

_EQUAL: Final = ("jti", "session_id", "user_id", "device", "key_id")
"""Criteria that are compared for equality, and are called the same in `Criteria` and in `Judged`."""
_NARROW: Final = frozenset({("jti",), ("session_id",), ("user_id",)})
"""What thousands of logouts a minute consist of: looked up on each request."""


class Shape(NamedTuple):
    """Which criteria a rule has: `version` and `prefix` of its network are 0 where it has none."""

    equal: tuple[str, ...]
    version: int = 0
    prefix: int = 0


class Shelf:
    """The rules of one shape, by the values that they ask for."""

    def __init__(self, shape: Shape) -> None:
        self.shape: Final = shape
        self._read: Final[Callable[[Any], Any]] = attrgetter(*shape.equal) if shape.equal else _nothing
        self._shift: Final = BITS.get(shape.version, 0) - shape.prefix
        self.rules: Final[dict[Any, list[Rule]]] = {}

    def key(self, rule: Rule) -> Any:
        """Where `rule` stands."""
        network = rule.criteria.network
        values = self._read(rule.criteria)
        return values if network is None else (values, int(network.network_address) >> self._shift)

    def find(self, judged: Judged) -> Iterator[Rule]:
        """The rules that may hit."""
        values = self._read(judged)
        if not self.shape.version:
            yield from self.rules.get(values, ())
            return
        for version, value in judged.addresses:
            if version == self.shape.version:
                yield from self.rules.get((values, value >> self._shift), ())


class RuleIndex:
    """Rules that haven't ended. Adding one twice, or in any order, makes no difference.

    `broad` counts the rules that are not merely about one token, session or user: what passed all of those needn't be
    judged by them again while it stands still.
    """

    def __init__(self) -> None:
        self.broad = 0
        self._rules: Final[dict[str, Rule]] = {}
        self._ends: Final[list[tuple[int, str]]] = []
        self._narrow: Final = {names: Shelf(Shape(names)) for names in sorted(_NARROW)}
        self._broad: Final[dict[Shape, Shelf]] = {}
        self._by_jti, self._by_session, self._by_user = (
            self._narrow[(name,)].rules for name in ("jti", "session_id", "user_id")
        )

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, rule_id: str) -> bool:
        return rule_id in self._rules

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def add(self, rule: Rule) -> bool:
        """False if it was known."""
        if rule.id in self._rules:
            return False
        self._rules[rule.id] = rule
        heapq.heappush(self._ends, (rule.expires_at, rule.id))
        shelf = self._shelf(rule)
        self.broad += shelf.shape.equal not in _NARROW or shelf.shape.version != 0
        standing = shelf.rules.setdefault(shelf.key(rule), [])
        if not any(other.covers(rule) for other in standing):
            standing[:] = [other for other in standing if not rule.covers(other)]
            standing.append(rule)
        return True

    def narrow_hit(self, judged: Judged, at: int) -> Rule | None:
        """The rule about its token, session or user that hits it at the moment `at`, in ms."""
        for shelf, value in (
            (self._by_session, judged.session_id),
            (self._by_user, judged.user_id),
            (self._by_jti, judged.jti),
        ):
            standing = shelf.get(value)
            if standing is not None:
                for rule in standing:
                    if rule.expires_at > at and rule.hits(judged):
                        return rule
        return None

    def broad_hit(self, judged: Judged, at: int) -> Rule | None:
        """The rule of any other kind that hits it."""
        for shelf in self._broad.values():
            for rule in shelf.find(judged):
                if rule.expires_at > at and rule.hits(judged):
                    return rule
        return None

    def hit(self, judged: Judged, at: int) -> Rule | None:
        """A rule that hits it; of several, a narrow one."""
        return self.narrow_hit(judged, at) or self.broad_hit(judged, at)

    def made_before(self, rule: Rule) -> "RuleIndex":
        """The rules that were made earlier than `rule`."""
        earlier = RuleIndex()
        for other in self._rules.values():
            if other.id != rule.id and other.made_at <= rule.made_at:
                earlier.add(other)
        return earlier

    def drop_ended(self, at: int) -> None:
        """Forget the rules that have ended."""
        while self._ends and self._ends[0][0] <= at:
            rule = self._rules.pop(heapq.heappop(self._ends)[1])
            shelf = self._shelf(rule)
            self._take(shelf, rule)

    def _take(self, shelf: Shelf, rule: Rule) -> None:
        key = shelf.key(rule)
        left = [other for other in shelf.rules.get(key, ()) if other.id != rule.id]
        if left:
            shelf.rules[key] = left
            return
        shelf.rules.pop(key, None)
        if not shelf.rules:
            self._broad.pop(shelf.shape, None)

    def _shelf(self, rule: Rule) -> Shelf:
        criteria = rule.criteria
        equal = tuple(name for name in _EQUAL if getattr(criteria, name) is not None)
        if criteria.network is not None:
            shape = Shape(equal, criteria.network.version, criteria.network.prefixlen)
        elif equal in _NARROW:
            return self._narrow[equal]
        else:
            shape = Shape(equal)
        return self._broad.setdefault(shape, Shelf(shape))


def _nothing(_: object) -> tuple[()]:
    return ()
