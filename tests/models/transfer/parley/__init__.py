"""Parley's own format, out and in."""
