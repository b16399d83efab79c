"""GraphQL over HTTP: what a request asks for (<https://graphql.github.io/graphql-over-http/draft/#sec-Request>)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from strawberry.http import GraphQLRequestData, GraphQLRequestProtocol

from api.accept import preferred
from api.bodies import TooManyValuesError, UnreadableBodyError, parsed, require_few
from api.event_streams import MEDIA_TYPE, wants_events
from api.refusals import RefusedRequestError

JSON: Final = "application/json"
RESPONSE: Final = "application/graphql-response+json"
METHODS: Final = ("GET", "HEAD", "POST")
MAPS: Final = frozenset({"variables", "extensions"})
"""Members that mean the same where they are empty as where they are not there."""
PARAMETERS: Final = ("query", "documentId", "operationName", "variables", "extensions")
MOST_PARAMETERS: Final = 100
SPARE: Final = 1_000
"""Names and values of a body beside those of its variables."""
SHORT: Final = 300
"""Characters of an `Accept` that is remembered."""
SHORT_BODY: Final = 512
"""Bytes of a body that is remembered."""
LARGE: Final = 64 * 1024
"""Bytes of a body that are read beside the event loop."""


@dataclass
class Asked(GraphQLRequestData):
    """`document_id` as it came: anything that JSON has."""

    document_id: object = None


def wanted_type(request: Request) -> str:
    """The media type in which to answer. Raises `RefusedRequestError`.

    `application/json`, which old clients can read, where a client has no preference.
    """
    accept = ",".join(request.headers.getlist("accept"))
    streams = request.method != "HEAD"  # it would be a stream of which nothing is sent
    chosen = _known(accept, streams) if len(accept) <= SHORT else _wanted(accept, streams)
    if chosen is None:
        raise RefusedRequestError(406, f"answers are `{RESPONSE}`, `{JSON}` or `{MEDIA_TYPE}`")
    return chosen


def _wanted(accept: str, streams: bool) -> str | None:
    return MEDIA_TYPE if streams and wants_events(accept) else preferred(accept, (JSON, RESPONSE))


_known: Final = lru_cache(maxsize=256)(_wanted)
"""Most clients send one of few headers, always the same."""


async def asked(request: Request, protocol: GraphQLRequestProtocol, variable_values: int) -> Asked:
    """What it asks for; its variables may have so many values. Raises `RefusedRequestError`."""
    if request.method in ("GET", "HEAD"):
        return _well_formed(_from_url(request.scope["query_string"]), protocol)
    require_json(request.headers.getlist("content-type"))
    return await asked_by(await request.body(), protocol, variable_values)


def asked_again(body: bytes, variable_values: int) -> Asked | None:
    """What a short body asks for over HTTP that says nothing of anybody: it comes again and again, and is read once.

    None for what has variables, or a text in its document, which might be a password. Raises `RefusedRequestError`,
    which is not remembered.
    """
    if len(body) > SHORT_BODY or b'\\"' in body or b"\\u" in body:
        return None
    return _asked_plainly(body, variable_values)


@lru_cache(maxsize=256)
def _asked_plainly(body: bytes, variable_values: int) -> Asked | None:
    value = _read(body, 4 * variable_values + SPARE)
    if not isinstance(value, dict):
        return None
    said = {name: each for name, each in value.items() if name not in MAPS or (each is not None and each != {})}
    return _well_formed(said, "http") if all(isinstance(each, str) for each in said.values()) else None


async def asked_by(body: bytes, protocol: GraphQLRequestProtocol, variable_values: int) -> Asked:
    """What the body of a request asks for. Raises `RefusedRequestError`."""
    most = 4 * variable_values + SPARE
    value = _read(body, most) if len(body) <= LARGE else await asyncio.to_thread(_read, body, most)
    if isinstance(value, list):
        raise RefusedRequestError(400, "one operation is asked for at a time: the body must be an object, and no list")
    if not isinstance(value, dict):
        raise RefusedRequestError(400, "the body must be a JSON object")
    return _well_formed(value, protocol)


@lru_cache(maxsize=256)
def plain_type(content_type: bytes, accept: bytes) -> str | None:
    """The media type in which a body of that type is answered; None unless both can be read, and it is JSON."""
    try:
        require_json([content_type.decode("latin-1")])
    except RefusedRequestError:
        return None
    chosen = _wanted(accept.decode("latin-1"), streams=True)
    return None if chosen == MEDIA_TYPE else chosen


def require_json(content_types: Sequence[str]) -> None:
    """Raise `RefusedRequestError` unless a body is said to be JSON.

    It is why no other site's form or script can send one: for this type a browser asks us first.
    """
    name, *parameters = content_types[0].split(";") if len(content_types) == 1 else ("",)
    charsets = [
        value for key, _, value in (each.partition("=") for each in parameters) if key.strip().lower() == "charset"
    ]
    utf_8 = all(each.strip().strip('"').lower() in ("utf-8", "utf8") for each in charsets)
    if name.strip().lower() != JSON or not utf_8:
        raise RefusedRequestError(415, f"the body must be `{JSON}`, in UTF-8", {"Accept-Post": JSON})


def _from_url(query_string: bytes) -> dict[str, Any]:
    try:
        text = query_string.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise RefusedRequestError(400, "the address has no parameters that can be read as UTF-8") from None
    ours = [(name, value) for name, value in pairs if name in PARAMETERS]
    given = dict(ours)
    if len(given) < len(ours):
        raise RefusedRequestError(400, "a parameter is there more than once")
    # What is empty is not there.
    plain: dict[str, Any] = {name: given[name] for name in ("query", "documentId", "operationName") if given.get(name)}
    return plain | {name: _json(given[name], name) for name in ("variables", "extensions") if given.get(name)}


def _read(body: bytes, most: int) -> Any:
    try:
        require_few(body, most)
    except TooManyValuesError as error:
        raise RefusedRequestError(413, f"the body is too much to read: {error}") from None
    return _json(body, "body")


def _json(text: bytes | str, name: str) -> Any:
    try:
        return parsed(text)
    except UnreadableBodyError as error:
        raise RefusedRequestError(400, f"the {name} can't be read as JSON: {error}") from None


def _well_formed(given: Mapping[str, Any], protocol: GraphQLRequestProtocol) -> Asked:
    """Members that are null are not there, and others than these mean nothing."""
    for name in ("query", "operationName"):
        if not isinstance(given.get(name), str | None):
            raise RefusedRequestError(400, f"`{name}` must be a string")
    for name in ("variables", "extensions"):
        if not isinstance(given.get(name), dict | None):
            raise RefusedRequestError(400, f"`{name}` must be an object")
    return Asked(
        query=given.get("query"),
        variables=given.get("variables"),
        operation_name=given.get("operationName"),
        extensions=given.get("extensions"),
        protocol=protocol,
        document_id=given.get("documentId"),
    )
