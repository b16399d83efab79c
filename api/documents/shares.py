"""How much of a worker's time is spent on compiling what one sends: past that graphql-core executes it, as ever."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from permissions.authn.addresses import subscriber
from resolvers.context import Context

SECONDS: Final = 1.0
"""Of the processor, that are spent for one account, or for nobody at one address, in `MINUTE`: some 300 documents as
programs have them, or 20 as large as are compiled at all."""
ADDRESS_SECONDS: Final = 10.0
"""The same for all accounts at one address."""
MINUTE: Final = 60.0
MOST_CALLERS: Final = 10_000
"""Of whom it is known what was spent for them, the latest."""

Share = tuple[str, float]
"""Whose it is, and how many seconds."""


class Shares:
    """One a schema. Each share runs full again in `MINUTE`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._spent: Final[OrderedDict[str, tuple[float, float]]] = OrderedDict()
        """Seconds, as of when."""

    def left(self, context: object) -> bool:
        """Whether anything may be compiled for whose `context` it is."""
        return all(self._spent_by(name, most) < most for name, most in _shares(context))

    def take(self, context: object, seconds: float) -> None:
        """So much was spent for him."""
        for name, most in _shares(context):
            self._spent[name] = self._spent_by(name, most) + seconds, self._clock()
            self._spent.move_to_end(name)
        while len(self._spent) > MOST_CALLERS:
            self._spent.popitem(last=False)

    def _spent_by(self, name: str, most: float) -> float:
        spent, then = self._spent.get(name, (0.0, 0.0))
        return max(0.0, spent - most * (self._clock() - then) / MINUTE)


def _shares(context: object) -> Iterator[Share]:
    """What is nobody's context comes of no client."""
    if not isinstance(context, Context):
        return
    place = subscriber(context.client.ip)
    if context.principal is None:
        yield f"nobody at {place}", SECONDS
        return
    yield f"account {context.principal.user_id}", SECONDS
    if place is not None:
        yield f"address {place}", ADDRESS_SECONDS
