"""Accounts through GraphQL."""
