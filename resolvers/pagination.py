"""Relay connections: arguments checked, pages cut, cursors that forgery can't bend."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import strawberry

from resolvers.errors import BadInputError
from resolvers.steady import Steady

DEFAULT_PAGE: Final = 20
MAX_PAGE: Final = 100

T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None = None
    end_cursor: str | None = None


@strawberry.type
class Edge(Generic[T]):
    """A list's entry, and the cursor that names its place."""

    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]]
    page_info: PageInfo
    steady: strawberry.Private[Steady | None] = None
    """Of a page that is given to several requests."""


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Exactly one of `first` and `last` is set; `after` and `before` are cursors as they came."""

    first: int | None
    last: int | None
    after: str | None
    before: str | None

    @property
    def size(self) -> int:
        """Most entries to show."""
        return self.last if self.last is not None else self.first or 0

    @property
    def backwards(self) -> bool:
        """Whether the page is cut at the end of the list."""
        return self.last is not None


def page_arguments(
    first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> PageArguments:
    """Check a connection's arguments. Raises `BadInputError`."""
    if first is not None and last is not None:
        raise BadInputError("last", "can't go with `first`: ask for one of them")
    for name, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise BadInputError(name, f"must be 0 to {MAX_PAGE}")
    if last is None:
        return PageArguments(DEFAULT_PAGE if first is None else first, None, after, before)
    return PageArguments(None, last, after, before)


def edge(cursor: str, node: T) -> Edge[T]:
    """An entry of a page, of which there are many: see `resolvers.chat.tree.Message.of`."""
    made: Edge[T] = Edge.__new__(Edge)
    made.cursor, made.node = cursor, node
    return made


def connection(
    edges: list[Edge[T]], *, has_next: bool, has_previous: bool, start: str | None = None, end: str | None = None
) -> Connection[T]:
    """A page with its `pageInfo`; `start` and `end` where it was read beyond its first and last edge."""
    info = PageInfo(
        has_next_page=has_next,
        has_previous_page=has_previous,
        start_cursor=start or (edges[0].cursor if edges else None),
        end_cursor=end or (edges[-1].cursor if edges else None),
    )
    return Connection(edges=edges, page_info=info)
