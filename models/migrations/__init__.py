"""Indexes and changes of stored shape, applied in order, once each."""

from models.migrations.runner import Migration, UnfinishedRestoreError, applied, migrate

__all__ = ["Migration", "UnfinishedRestoreError", "applied", "migrate"]
