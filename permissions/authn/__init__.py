"""Who is asking: passwords, keys, tokens, sessions."""
