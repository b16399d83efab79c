"""Tests of `models.transfer`."""
