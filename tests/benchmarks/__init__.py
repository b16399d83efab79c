"""Measurements, run by `make bench`: they print figures and assert none, as those are the machine's as much as ours."""
