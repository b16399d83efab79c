"""Parley's own format: newline-delimited JSON that says all of a tree. `lines` describes it."""
