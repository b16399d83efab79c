"""Backups: a copy of the database as files, a journal of what changed since, and the way back to any moment in it."""
