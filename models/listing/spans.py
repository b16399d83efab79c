"""From where to where a list is read, as positions on a line."""

from dataclasses import dataclass

from models.listing.lines import id_number, milliseconds
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
    upwards = request.direction > 0
    edges = [milliseconds(edge.time) if edge else None for edge in (request.start, request.end)]
    low, high = edges if upwards else edges[::-1]
    if request.order.field == "started_at":
        low, high = _both(low, high, wanted)
    found = _span(low, high, request.direction)
    start = request.start
    if found is None or start is None or milliseconds(start.time) != found.first:
        return found
    return Span(found.first, found.end, id_number(start.id))


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
