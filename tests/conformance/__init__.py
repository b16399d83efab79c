"""Audits and reference clients of others, against this server."""
