"""Pages of a search: opaque tokens that go with one search only (AuthZEN 1.0, 8.2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from api.authzen.bodies import BadRequestError, mapping

DEFAULT_SIZE: Final = 100
MAX_SIZE: Final = 500
MAX_TOKEN: Final = 1_024
SEARCHED: Final = ("subject", "action", "resource", "context")

Place = Sequence[str | int]
"""Where a page begins, as its search understands it; empty at the start."""

NOT_OURS: Final = "`page.token` is not one of this server's"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Up to `size` results after `place`."""

    size: int
    place: Place
    search: str

    def token(self, place: Place) -> str:
        """What the next page is asked for with."""
        text = orjson.dumps([self.search, self.size, list(place)])
        return urlsafe_b64encode(text).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page:
    """Results; `next` is where the following page begins, None where there is none."""

    results: Sequence[dict[str, Any]]
    next: Place | None = None


def page_request(path: str, body: dict[str, Any]) -> PageRequest:
    """The page that is wanted. Raises `BadRequestError`, also where the token is another search's.

    A token is no secret and not signed: a forged one leads to other results of the same search, nowhere else.
    """
    given = mapping(body, "page")
    limit, token, search = _limit(given), given.get("token"), _search(path, body)
    if token is None or token == "":
        return PageRequest(DEFAULT_SIZE if limit is None else limit, (), search)
    of, size, place = _read(token)
    if of != search or limit not in (None, size):
        raise BadRequestError("`page.token` is from a search for something else")
    return PageRequest(size, place, search)


def bad_place() -> BadRequestError:
    """Of a token whose place its search doesn't understand."""
    return BadRequestError(NOT_OURS)


def _limit(page: dict[str, Any]) -> int | None:
    limit = page.get("limit")
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise BadRequestError("`page.limit` must be a whole number, 0 or more")
    return min(limit, MAX_SIZE)


def _search(path: str, body: dict[str, Any]) -> str:
    asked = orjson.dumps([path, *(body.get(name) for name in SEARCHED)], option=orjson.OPT_SORT_KEYS)
    return sha256(asked).hexdigest()[:32]


def _read(token: object) -> tuple[str, int, Place]:
    """What is in a token, if it has the form of one."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
        raise bad_place()
    try:
        read = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise bad_place() from None
    match read:
        case [str(search), int(size), list(place)] if 0 <= size <= MAX_SIZE and all(map(_placed, place)):
            return search, int(size), place
        case _:
            raise bad_place()


def _placed(part: object) -> bool:
    return isinstance(part, str | int)
