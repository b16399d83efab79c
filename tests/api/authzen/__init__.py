"""Tests of the endpoints for other services."""
