"""Who is to be told when something living is taken back: open sockets and subscriptions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.rules import Rule


@dataclass(eq=False, frozen=True, slots=True)
class Listener:
    """One that hears of what hits `judged`."""

    judged: Judged
    told: Callable[[Rule], None]

    @property
    def keys(self) -> tuple[Any, Any]:
        """What it is found by."""
        return self.judged.session_id, self.judged.user_id


class Listeners:
    """A rule about one session or one user is looked up; of another kind, each listener is looked at."""

    def __init__(self) -> None:
        self._all: Final[set[Listener]] = set()
        self._by: Final[dict[Any, set[Listener]]] = {}

    @contextmanager
    def listening(self, judged: Judged, told: Callable[[Rule], None]) -> Iterator[None]:
        """Within the block, `told` is called as between `add` and `discard`."""
        listener = self.add(judged, told)
        try:
            yield
        finally:
            self.discard(listener)

    def add(self, judged: Judged, told: Callable[[Rule], None]) -> Listener:
        """From now on `told` is called at once with each new rule that hits `judged`. It must not block."""
        listener = Listener(judged, told)
        self._all.add(listener)
        for key in listener.keys:
            self._by.setdefault(key, set()).add(listener)
        return listener

    def discard(self, listener: Listener) -> None:
        """It hears of nothing any more; a second time nothing happens."""
        self._all.discard(listener)
        for key in listener.keys:
            if among := self._by.get(key):
                among.discard(listener)
                if not among:
                    del self._by[key]

    def tell(self, rule: Rule) -> None:
        """Tell those whom `rule` hits."""
        key = rule.criteria.session_id or rule.criteria.user_id
        among = self._all if key is None else self._by.get(key, ())
        for listener in [each for each in among if rule.hits(each.judged)]:
            listener.told(rule)
