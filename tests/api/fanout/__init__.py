"""Tests of `api.fanout`."""
