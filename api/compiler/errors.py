"""What the compiler says to itself."""


class NotCompilableError(Exception):
    """Graphql-core executes the operation."""
