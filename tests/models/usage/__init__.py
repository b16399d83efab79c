"""Tests of `models.usage`."""
