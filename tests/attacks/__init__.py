"""Lists of attacks, each with the answer that it must get."""
