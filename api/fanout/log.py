"""The answers that were told last to a group, for those of its members who are behind."""

from collections import deque
from typing import Final, NamedTuple

from resolvers.live.broker import Position

CAPACITY: Final = 256
"""Answers that may wait for a slow reader."""
KEPT_BYTES: Final = 4 * 1024 * 1024
"""Of answers, kept by a group at most; the newest is kept whatever its size."""


class Answer(NamedTuple):
    """`number` counts a group's answers, `position` is that of what it tells of, `body` the payload as JSON."""

    number: int
    position: Position
    body: bytes


class AnswerLog:
    """The newest of them."""

    def __init__(self, capacity: int = CAPACITY, kept_bytes: int = KEPT_BYTES) -> None:
        self._capacity = capacity
        self._kept_bytes = kept_bytes
        self._kept: deque[Answer] | tuple[()] = ()  # an empty deque weighs more than all else of a room for one
        self._size = 0
        self.last = 0
        """The number of the newest answer."""

    def add(self, position: Position, body: bytes) -> Answer:
        """One more."""
        self.last += 1
        answer = Answer(self.last, position, body)
        kept = self._kept = self._kept or deque()
        kept.append(answer)
        self._size += len(body)
        while len(kept) > 1 and (len(kept) > self._capacity or self._size > self._kept_bytes):
            self._size -= len(kept.popleft().body)
        return answer

    def clear(self) -> None:
        """Nobody is behind."""
        self._kept = ()
        self._size = 0

    def after(self, number: int) -> Answer | None:
        """The one that follows `number`; None if it is not kept any more. Ask only where there is, or was, one."""
        at = number + 1 - self._kept[0].number if self._kept else -1
        return self._kept[at] if at >= 0 else None
