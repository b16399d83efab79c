"""The living rules, found by what they look at: a token costs a few look-ups, however many rules there are."""

import heapq
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple

from permissions.authn.revocation.addresses import BITS
from permissions.authn.revocation.criteria import Criteria
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

    __slots__ = ("read", "rules", "shape", "shift")

    def __init__(self, shape: Shape) -> None:
        self.shape: Final = shape
        self.read: Final[Callable[[Any], Any] | None] = attrgetter(*shape.equal) if shape.equal else None
        self.shift: Final = BITS.get(shape.version, 0) - shape.prefix
        self.rules: Final[dict[Any, list[Rule]]] = {}

    def key(self, rule: Rule) -> Any:
        """Where `rule` stands: its values, the start of its network, or both."""
        values, network = self.read and self.read(rule.criteria), rule.criteria.network
        if network is None:
            return values
        start = int(network.network_address) >> self.shift
        return start if self.read is None else (values, start)


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
        self._plain: Final[dict[Shape, Shelf]] = {}
        self._networks: Final[dict[int, dict[Shape, Shelf]]] = {4: {}, 6: {}}
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
        for standing in (
            self._by_session.get(judged.session_id),
            self._by_user.get(judged.user_id),
            self._by_jti.get(judged.jti),
        ):
            if standing is not None and (rule := _first(standing, judged, at)) is not None:
                return rule
        return None

    def broad_hit(self, judged: Judged, at: int) -> Rule | None:
        """The rule of any other kind that hits it."""
        for shelf in self._plain.values():
            standing = shelf.rules.get(shelf.read and shelf.read(judged))
            if standing is not None and (rule := _first(standing, judged, at)) is not None:
                return rule
        for version, value in judged.addresses:
            for shelf in self._networks[version].values():
                start, read = value >> shelf.shift, shelf.read
                standing = shelf.rules.get(start if read is None else (read(judged), start))
                if standing is not None and (rule := _first(standing, judged, at)) is not None:
                    return rule
        return None

    def same(self, criteria: Criteria, since: int) -> Rule | None:
        """The rule of just these criteria, about one token, session or user, that was made at `since` (ms) or later."""
        for name, rules in (
            ("jti", self._by_jti),
            ("session_id", self._by_session),
            ("user_id", self._by_user),
        ):
            for rule in rules.get(getattr(criteria, name), ()):
                if rule.criteria == criteria and rule.made_at >= since:
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
            self._shelves(shelf.shape).pop(shelf.shape, None)

    def _shelf(self, rule: Rule) -> Shelf:
        criteria = rule.criteria
        equal = tuple(name for name in _EQUAL if getattr(criteria, name) is not None)
        if criteria.network is not None:
            shape = Shape(equal, criteria.network.version, criteria.network.prefixlen)
        elif equal in _NARROW:
            return self._narrow[equal]
        else:
            shape = Shape(equal)
        shelves = self._shelves(shape)
        if shape not in shelves:
            shelves[shape] = Shelf(shape)
        return shelves[shape]

    def _shelves(self, shape: Shape) -> dict[Shape, Shelf]:
        return self._networks[shape.version] if shape.version else self._plain


def _first(standing: list[Rule], judged: Judged, at: int) -> Rule | None:
    return next((rule for rule in standing if rule.expires_at > at and rule.hits(judged)), None)
