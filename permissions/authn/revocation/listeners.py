"""Who is to be told when something living is taken back: open sockets and subscriptions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.rules import Rule


@dataclass(eq=False, frozen=True, slots=True)
class _Listener:
    judged: Judged
    told: Callable[[Rule], None]


class Listeners:
    """A rule about one session or one user is looked up; of another kind, each listener is looked at."""

    def __init__(self) -> None:
        self._all: Final[set[_Listener]] = set()
        self._by: Final[dict[Any, set[_Listener]]] = {}

    @contextmanager
    def listening(self, judged: Judged, told: Callable[[Rule], None]) -> Iterator[None]:
        """Within the block, `told` is called at once with each new rule that hits `judged`. It must not block."""
        listener = _Listener(judged, told)
        keys = (judged.session_id, judged.user_id)
        self._all.add(listener)
        for key in keys:
            self._by.setdefault(key, set()).add(listener)
        try:
            yield
        finally:
            self._all.discard(listener)
            for key in keys:
                self._by[key].discard(listener)
                if not self._by[key]:
                    del self._by[key]

    def tell(self, rule: Rule) -> None:
        """Tell those whom `rule` hits."""
        key = rule.criteria.session_id or rule.criteria.user_id
        among = self._all if key is None else self._by.get(key, ())
        for listener in [each for each in among if rule.hits(each.judged)]:
            listener.told(rule)
