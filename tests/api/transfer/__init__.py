"""One's own conversations over HTTP."""
