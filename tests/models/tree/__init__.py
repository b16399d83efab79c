"""Tests of `models.tree`."""
