"""What a subscriber was promised, held against what it saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Seen:
    """An event of a conversation whose messages are numbered from 0, as they were appended.

    `number`: of the message that was added; None for `ResyncRequired`. Then `read` is the newest that the subscriber
    found when it read the conversation again, as it was told to.
    """

    cursor: tuple[int, int]
    number: int | None = None
    reason: str = ""
    read: int = -1


@dataclass(slots=True)
class Verdict:
    """Messages that were promised and did not come, came twice, or came before an earlier one."""

    missing: int = 0
    late: int = 0
    """Those whose `ResyncRequired` came after the message that follows them, and not before."""
    double: int = 0
    disordered: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of each `ResyncRequired`."""

    @classmethod
    def of(cls, seen: Iterable[Seen], newest: int) -> Self:
        """Where messages 0 to `newest` were written.

        Missing is what neither came nor was read at a `ResyncRequired`: silence is never right. What was read may
        still come as an event; an event may not come again.
        """
        verdict, came, known, highest, holes = cls(), set[int](), -1, -1, 0
        before = (0, 0)
        for each in seen:
            verdict.disordered += each.cursor <= before
            before = each.cursor
            if each.number is None:
                verdict.reasons.append(each.reason)
                known = max(known, each.read)
                verdict.late += holes  # it has read what is there by now, and so what was left out
                holes = 0
                continue
            verdict.double += each.number in came
            verdict.disordered += each.number < highest
            holes += max(0, each.number - known - 1)
            came.add(each.number)
            highest = max(highest, each.number)
            known = max(known, each.number)
        verdict.missing = holes + newest - known
        return verdict

    @classmethod
    def total(cls, verdicts: Sequence[Self]) -> Self:
        """Of all."""
        return cls(
            sum(each.missing for each in verdicts),
            sum(each.late for each in verdicts),
            sum(each.double for each in verdicts),
            sum(each.disordered for each in verdicts),
            [reason for each in verdicts for reason in each.reasons],
        )
