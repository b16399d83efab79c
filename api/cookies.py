"""The refresh token in a cookie: for browsers, where a script that got in must not get hold of it."""

from datetime import datetime
from functools import cached_property
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.origins import Origins
from models.clock import now
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.refresh import CHARACTERS

HEADER: Final = "X-CSRF-Protection"
"""No form can set it, and no page of another origin may: its browser would ask us first, and we don't agree."""
PATH: Final = "/graphql"
NAME: Final = "parley_refresh"
RawHeaders = list[tuple[bytes, bytes]]
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class RefreshCookie:
    """A `Browser`: the cookie of one request, and of its answer."""

    def __init__(self, scope: Scope, answered: RawHeaders, origins: Origins) -> None:
        """`answered` are the headers of the answer, to which one may be added."""
        self._scope = scope
        self._answered = answered
        self._origins = origins

    @cached_property
    def _request(self) -> Request:
        return Request(self._scope)

    @property
    def _headers(self) -> Headers:
        return self._request.headers

    @property
    def _secure(self) -> bool:
        """Always, but on this very machine: a browser doesn't send a secure cookie to `http://localhost` everywhere."""
        if (self._origins.own or "").startswith("https:"):
            return True
        return self._request.url.scheme != "http" or self._request.url.hostname not in LOOPBACK

    @property
    def name(self) -> str:
        """With the prefix, only a secure page can set it."""
        return f"__Secure-{NAME}" if self._secure else NAME

    def token(self) -> str | None:
        ours = self.name
        given = [
            value.strip()
            for line in self._headers.getlist("cookie")
            for name, _, value in (part.partition("=") for part in line.split(";"))
            if name.strip() == ours
        ]
        if not given:
            return None
        self.require_own_site()
        # A neighbour under the same domain may have planted another.
        if len(given) > 1 or len(given[0]) > CHARACTERS:
            raise UnauthenticatedError("the cookie is not ours")
        return given[0]

    def require_own_site(self) -> None:
        if not self._headers.get(HEADER):
            raise UnauthenticatedError(f"a cookie counts only together with the header `{HEADER}: 1`")
        if not self._of_own_site():
            raise UnauthenticatedError("the request comes from another site")

    def keep(self, token: str, until: datetime) -> None:
        self._set(token, max(0, int((until - now()).total_seconds())))

    def forget(self) -> None:
        self._set("", 0)

    def _set(self, value: str, seconds: int) -> None:
        response = Response()
        response.set_cookie(
            self.name, value, max_age=seconds, path=PATH, secure=self._secure, httponly=True, samesite="strict"
        )
        self._answered += [each for each in response.raw_headers if each[0] == b"set-cookie"]

    def _of_own_site(self) -> bool:
        """By what the browser says: our own page, or that of a neighbour which is allowed to."""
        origin, host = self._headers.get("origin"), self._headers.get("host")
        site = self._headers.get("sec-fetch-site", "same-origin")
        if origin is None or self._origins.is_own(origin, host):
            return site == "same-origin"
        return site in ("same-origin", "same-site") and self._origins.uses_cookies(origin, host)
