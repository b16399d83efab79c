"""How much a caller may do in a minute."""
