"""A stricter reading of the JWS compact form than libraries give (RFC 7515, RFC 8725 section 3)."""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from permissions.authn.errors import UnauthenticatedError

MAX_TOKEN_CHARACTERS: Final = 8192
_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Compact:
    """A well-formed token of which nothing has been verified."""

    header: dict[str, Any]
    payload: dict[str, Any]


def parse(token: str) -> Compact:
    """Split and decode. Raise `UnauthenticatedError` for everything that is not exactly one canonical form.

    A token has one text only: no padding, no other base64 alphabet, no stray bits, no key twice.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise UnauthenticatedError("token is too long")
    match = _SEGMENTS.fullmatch(token)
    if match is None:
        raise UnauthenticatedError("token is malformed")
    header, payload, signature = (_decoded(segment) for segment in match.groups())
    return Compact(_object(header), _object(payload)) if signature else _malformed()


def _decoded(segment: str) -> bytes:
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        _malformed()
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        _malformed()
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_malformed)
    except (ValueError, RecursionError):
        _malformed()
    if not isinstance(value, dict):
        _malformed()
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _malformed()
    return value


def _malformed(_: object = None) -> NoReturn:
    # `from None`: a decoder's message may quote the token.
    raise UnauthenticatedError("token is malformed") from None
