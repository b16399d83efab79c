"""Backups, made while there are writers, and restored as of any moment."""
