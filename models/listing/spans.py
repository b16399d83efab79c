"""From where to where a list is read, as positions on a line."""

from dataclasses import dataclass, replace

from models.listing.lines import LAST_ID, id_number, milliseconds
from models.listing.request import ConversationFilter, ListRequest


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` on and before `end`, in the direction of reading; at its first instant after the id `beyond`."""

    first: int | None
    end: int | None
    beyond: int | None

    @property
    def is_open(self) -> bool:
        """Whether it is all there is."""
        return self.first is None and self.end is None


def ordered_span(wanted: ConversationFilter, request: ListRequest) -> Span | None:
    """Of a list by its own order; None where nothing can lie in it. It may hold an instant too much at each end."""
    start, onwards = request.start, request.direction
    first = milliseconds(start.time) if start else None
    last = milliseconds(request.end.time) if request.end else None
    beyond = id_number(start.id) if start else None
    if first is not None and beyond == (LAST_ID if onwards > 0 else 0):  # nothing of that instant is left
        first, beyond = first + onwards, None
    low, high = (first, last) if onwards > 0 else (last, first)
    if request.order.field == "started_at":
        low, high = _both(low, high, wanted)
    found = _span(low, high, onwards)
    return replace(found, beyond=beyond) if found and found.first == first else found


def started_span(wanted: ConversationFilter, direction: int) -> Span | None:
    """Of what started when it is wanted; None where that is never."""
    return _span(*_both(None, None, wanted), direction)


def _both(low: int | None, high: int | None, wanted: ConversationFilter) -> tuple[int | None, int | None]:
    lows = [low, milliseconds(wanted.started_after) if wanted.started_after else None]
    highs = [high, milliseconds(wanted.started_before) if wanted.started_before else None]
    return (
        max((each for each in lows if each is not None), default=None),
        min((each for each in highs if each is not None), default=None),
    )


def _span(low: int | None, high: int | None, direction: int) -> Span | None:
    """Both ends are inside."""
    if low is not None and high is not None and low > high:
        return None
    first, last = (low, high) if direction > 0 else (high, low)
    return Span(first, None if last is None else last + direction, None)
