"""Where in the answer a value stands: plain tuples, as most are never looked at."""

from typing import Any

from api.compiler.seams import Path

Place = tuple[Any, str | int, str | None] | None
"""The place around it, its own name or number, and the object type that it belongs to; None is the root."""


def path_of(place: Any) -> Any:
    """The same for graphql-core; None for the root."""
    places = []
    while place is not None:
        places.append(place)
        place = place[0]
    path: Path | None = None
    for _, key, typename in reversed(places):
        path = Path(path, key, typename)
    return path
