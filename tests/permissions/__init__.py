"""Tests of `permissions`."""
