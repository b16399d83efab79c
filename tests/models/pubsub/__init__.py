"""Tests of `models.pubsub`."""
