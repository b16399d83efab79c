"""Who is asking: passwords, signing keys, access tokens, sessions."""
