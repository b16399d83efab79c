"""Persisted operations: requests that name a document, instead of sending it.

What a name may stand for are trusted documents (`permissions.operations`), and what clients have left in Redis (APQ).
"""

from api.persisted.automatic import ApqLimits
from api.persisted.operations import PersistedOperations, PersistedSettings
from api.persisted.references import Reference, reference
from api.persisted.requests import Resolved, document_id, named

__all__ = [
    "ApqLimits",
    "PersistedOperations",
    "PersistedSettings",
    "Reference",
    "Resolved",
    "document_id",
    "named",
    "reference",
]
