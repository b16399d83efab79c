"""Lists of conversations: the same as a plain look at all of them, by an index, and of few."""
