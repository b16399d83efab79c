"""The pure engine: facts and rules in, a decision out. No I/O, no framework."""
