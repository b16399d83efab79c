"""Lists of conversations: what is asked for, which index answers it, and how far one request reads."""
