"""What they may do: a pure engine of roles and policies."""
