"""Placing: a message as a reader finds it, counted among those of its siblings that he may see."""

from collections.abc import Mapping
from typing import Any, Final

from models.conversation import Conversation
from models.database import Record
from models.tree.address import Address, made
from models.tree.lineage import Lineage
from models.tree.page import Path, Row
from models.tree.removals import Removals
from models.tree.sight import Sight

TOMBSTONE: Final = ("depth", "role", "created_at", "author_id", "edited_from", "deleted_at", "forks", "gone")
"""The fields of a deleted message that are shown. What it said is stored until it is purged, and no reader gets it."""


class Placing:
    """Of one conversation's messages, for one reader; None is a `sight` of all of them."""

    def __init__(self, conversation: Conversation, removals: Removals, sight: Sight | None) -> None:
        self._conversation = conversation
        self._removals = removals
        self._sight = sight
        self.whole = sight is None and not removals
        """Whether nothing is out of sight, and nothing removed."""

    def along(self, path: Path, span: range, found: Mapping[Address, Record]) -> list[Row]:
        """The rows at these depths of a path; `found` has them, and the message before the first."""
        rows: list[Row] = []
        parent = path.at(span.start - 1) if span.start and span else None
        above = found[parent] if parent else None
        whole = self.whole
        for address, ordinal in path.places(span):
            message = found[address]
            if not ordinal and whole and above is not None and "gone" not in above and "deleted_at" not in message:
                # As `_placed` has it; nearly all are such, and there are fifty to a page.
                rows.append(made(Row, (address, message, parent, 0, above.get("forks", 0) + 1, ())))
            else:
                rows.append(self._placed(address, message, ordinal, parent, above))
            parent, above = address, message
        return rows

    def alone(self, address: Address, begun: Lineage | None, found: Mapping[Address, Record]) -> Row:
        """The row of one of the messages `found`, with the one before it; `begun` is the branch that it begins."""
        ordinal = max(begun.own.ordinal, 1) if begun else 0
        parent = begun.parent if begun else Address(address.branch, address.depth - 1) if address.depth else None
        return self._placed(address, found[address], ordinal, parent, found[parent] if parent else None)

    def _placed(
        self, address: Address, stored: Record, ordinal: int, parent: Address | None, above: Record | None
    ) -> Row:
        """The row of the child `ordinal` of `parent`, counted among those of its siblings that are not removed."""
        if above is None:
            forks, purged = self._conversation.root_forks, self._conversation.root_gone
        else:
            forks, purged = above.get("forks", 0), above.get("gone", ())
        message = _shown(stored) if "deleted_at" in stored else stored
        if not purged and self.whole:
            return made(Row, (address, message, parent, ordinal, max(forks, ordinal) + 1, ()))
        gone = tuple(sorted({*purged, *self._removals.gone(parent)}))
        if self._sight is not None:
            there = [place for number, place in self._sight.children(parent) if number not in gone]
            return Row(address, message, parent, there.index(address), len(there), gone)
        index = ordinal - sum(each < ordinal for each in gone)
        return Row(address, message, parent, index, max(forks, ordinal) + 1 - len(gone), gone)


def _shown(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What may be seen of a message: of a deleted one its place, who wrote it and when, and no word of it."""
    if message.get("deleted_at") is None:
        return message
    return {name: message[name] for name in TOMBSTONE if name in message}
