"""Users, sessions, login."""
