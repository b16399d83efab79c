"""Permissions through GraphQL."""
