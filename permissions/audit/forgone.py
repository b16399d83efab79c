"""Denials that nobody was told of, because they were more than may be written down: their number is."""

from functools import partial
from typing import Final

from models.database import Record
from permissions.audit.events import Origin, Target, change
from permissions.audit.writer import Writer
from permissions.engine.facts import Id

FORGONE: Final = "decision.forgone"
"""The kind of a record that tells how many there were of one caller."""


class Forgone:
    """Counts them until their record's turn comes: however many there are, it is one record a caller each time.

    Where no more may wait, as somebody asks for much that is allowed, they are counted until there is room.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer: Final = writer
        self._numbers: Final = dict[Id | None, int]()
        self._offered: Final = set[Id | None]()

    def add(self, by: Origin, number: int) -> None:
        """So many more of `by`."""
        self._numbers[by.user_id] = self._numbers.get(by.user_id, 0) + number
        if by.user_id not in self._offered and not self._writer.full:
            self._writer.offer([partial(self._record, by)])
            self._offered.add(by.user_id)

    def _record(self, by: Origin) -> Record:
        self._offered.discard(by.user_id)
        number = self._numbers.pop(by.user_id, 0)
        reason = f"{number} denials were not written down one by one: they were too many, and nobody was told of them"
        return change(FORGONE, by, Target("user", by.user_id), reason=reason)
