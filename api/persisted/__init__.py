"""Persisted operations: requests that name a document, instead of sending it.

What a name may stand for are trusted documents (`permissions.operations`), and what clients have left in Redis (APQ).
"""

from api.persisted.automatic import ApqLimits
from api.persisted.operations import PersistedOperations, PersistedSettings

__all__ = [
    "ApqLimits",
    "PersistedOperations",
    "PersistedSettings",
]
