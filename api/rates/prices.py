"""What is counted for what is not GraphQL: about as much as an operation costs that takes a worker as long."""

from typing import Final

FILE: Final = 50
"""A file that comes or goes, and for each MiB of it."""
EXPORT: Final = 1_000
"""All conversations of an account are read."""
EVALUATION: Final = 10
"""Each of several; of one alone the least is counted."""
SEARCH: Final = 50
"""And each result that is asked for."""
TOKEN: Final = 100
"""A secret is hashed for it."""

_MIB: Final = 1024 * 1024


def of_file(size: int) -> int:
    """Of so many bytes."""
    return FILE * (1 + size // _MIB)
