"""Conversations, branches, messages."""
