"""Documents of GraphQL that somebody stands for: clients name them, and where only such are run, nothing else is."""

from datetime import datetime
from typing import Final

from beanie import Document, PydanticObjectId

ALL: Final = "all"
"""The one id of `TrustedSet`."""


class TrustedDocument(Document):
    """Never changed: under an id there is one text, or none. The id is what clients send."""

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    text: str
    sha256: str
    """Of the text in UTF-8, 64 lower-case hexadecimal digits."""
    name: str | None = None
    """Of its operation, where there is one that has a name."""
    client: str | None = None
    """Whose it is: an application, by any word."""
    registered_at: datetime
    registered_by: PydanticObjectId | None = None
    """None is a command."""

    class Settings:
        name = "trusted_documents"


class TrustedSet(Document):
    """What is known of all of them: written in the same transaction as they are, so workers need to ask for this only.

    `revision` grows with each change.
    """

    id: str = ALL  # type: ignore[assignment]  # Beanie's ids may be of any type
    revision: int = 0
    documents: int = 0
    characters: int = 0

    class Settings:
        name = "trusted_set"
