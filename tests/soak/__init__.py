"""Pressing on every limit for a while, beside somebody who behaves: `make soak MINUTES=10`."""
