"""The server around the schema: HTTP, sockets, command line."""
