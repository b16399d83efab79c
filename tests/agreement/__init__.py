"""One answer, however it is asked for: random worlds."""
