"""A piece of a message around what was found in it."""

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.search.matching import Mark

LENGTH: Final = 240
"""Characters of the message that are shown."""
BEFORE: Final = 60
"""Of these, before the first mark."""
CONSIDERED: Final = 200
"""Marks of a message that are looked at: a long one may have a hundred thousand."""
_GAP: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` is the message's own, cut; `marks` are places in it."""

    text: str
    marks: tuple[Mark, ...]

    @property
    def html(self) -> str:
        """Escaped, so that the only elements in it are the `<mark>`s made here; white space as single spaces."""
        parts, end = [], 0
        for mark in self.marks:
            parts += [_escaped(self.text[end : mark.start]), "<mark>", _escaped(self.text[mark.start : mark.end])]
            parts.append("</mark>")
            end = mark.end
        return "".join([*parts, _escaped(self.text[end:])])


def snippet(text: str, marks: Sequence[Mark]) -> Snippet:
    """The stretch of `text` that shows the most marks; the first such. They are in order, and apart."""
    marks = marks[:CONSIDERED]
    best = marks[_fullest(marks)] if marks else Mark(0, 0)
    start = max(0, min(best.start - BEFORE, len(text) - LENGTH))
    stop = min(len(text), start + LENGTH)
    while 0 < start < best.start and text[start - 1].isalnum():  # don't begin in the middle of a word
        start += 1
    inside = [Mark(max(m.start, start), min(m.end, stop)) for m in marks if m.start < stop and m.end > start]
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    shift = len(before) - start
    shown = tuple(Mark(mark.start + shift, mark.end + shift) for mark in inside)
    return Snippet(before + text[start:stop] + after, shown)


def _fullest(marks: Sequence[Mark]) -> int:
    """Which of them comes first in the stretch that shows the most of them."""
    ends = [mark.end for mark in marks]
    shown = [bisect_right(ends, mark.start - BEFORE + LENGTH) - place for place, mark in enumerate(marks)]
    return shown.index(max(shown))


def _escaped(text: str) -> str:
    return html.escape(_GAP.sub(" ", text))
