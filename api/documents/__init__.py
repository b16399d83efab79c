"""Documents: what clients may ask for at all, judged in time that grows no faster than the document."""

from api.documents.memory import Documents

__all__ = ["Documents"]
