"""Documents that clients send again and again are parsed and validated once."""

from collections import OrderedDict
from typing import Final

from graphql import DocumentNode

REMEMBERED_CHARACTERS: Final = 128 * 1024
"""Of all remembered documents together; a character takes 70 bytes of memory parsed, 280 at worst."""


class Documents:
    """Valid documents by their text, the latest used, `characters` of them in all.

    Strawberry's own caches count documents and not what these weigh, keep the errors of invalid ones, which we write
    on, and hash the whole tree of a document at each request to find it.
    """

    def __init__(self, characters: int = REMEMBERED_CHARACTERS) -> None:
        self._characters = characters
        self._used = 0
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()

    def find(self, text: str) -> DocumentNode | None:
        """The document, parsed, if it is remembered."""
        if text not in self._documents:
            return None
        self._documents.move_to_end(text)
        return self._documents[text]

    def remember(self, text: str, document: DocumentNode) -> None:
        """Keep a valid document, and let go of those that were not asked for the longest time."""
        if text in self._documents or len(text) > self._characters:
            return
        self._documents[text] = document
        self._used += len(text)
        while self._used > self._characters:
            self._used -= len(self._documents.popitem(last=False)[0])
