"""Tests of `models.search`."""
