"""Usage: how many messages and tokens, and how long answers took, over what somebody may read; exact at any moment."""
