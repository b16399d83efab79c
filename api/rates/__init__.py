"""How much a caller may have done in a minute, by all workers together: counted in what operations cost."""
