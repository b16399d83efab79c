"""Documents that clients send again and again are parsed and validated once."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import DocumentNode

REMEMBERED_CHARACTERS: Final = 128 * 1024
"""Of all remembered documents together; a character takes 70 bytes of memory parsed, 280 at worst."""


@dataclass(slots=True)
class Known:
    """A valid document, and what was made of it."""

    document: DocumentNode
    weight: int
    """In characters."""
    operations: dict[str | None, Any] = field(default_factory=dict)
    """What is ready to be executed, by the name that it is asked for by."""


class Documents:
    """Valid documents by their text, the latest used, `characters` of them in all.

    Strawberry's own caches count documents and not what these weigh, keep the errors of invalid ones, which we write
    on, and hash the whole tree of a document at each request to find it.
    """

    def __init__(self, characters: int = REMEMBERED_CHARACTERS) -> None:
        self._characters = characters
        self._used = 0
        self._documents: OrderedDict[str, Known] = OrderedDict()

    def find(self, text: str) -> DocumentNode | None:
        """The document, parsed, if it is remembered."""
        known = self.known(text)
        return None if known is None else known.document

    def known(self, text: str) -> Known | None:
        """The same, with what was made of it."""
        known = self._documents.get(text)
        if known is not None:
            self._documents.move_to_end(text)
        return known

    def remember(self, text: str, document: DocumentNode) -> None:
        """Keep a valid document, and let go of those that were not asked for the longest time."""
        if text in self._documents or len(text) > self._characters:
            return
        self._documents[text] = Known(document, len(text))
        self._used += len(text)
        self._fit()

    def grow(self, text: str, by: int) -> None:
        """What was made of a document weighs so much more."""
        known = self._documents.get(text)
        if known is not None and by:
            known.weight += by
            self._used += by
            self._fit()

    def _fit(self) -> None:
        while self._used > self._characters and self._documents:
            _, gone = self._documents.popitem(last=False)
            self._used -= gone.weight
