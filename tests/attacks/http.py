"""Requests that no client would send, and the status of the first answer to each; all of them are hung up on."""

import json
from dataclasses import dataclass
from typing import Final

HEAD: Final = b"POST /graphql HTTP/1.1\r\nHost: parley.test\r\nContent-Type: application/json\r\n"
BODY: Final = b'{"query":"{__typename}"}'
LENGTH: Final = b"Content-Length: %d\r\n" % len(BODY)
DONE: Final = b"Connection: close\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """`status` of the first answer; `answers` is how many there may be: one more would be to what was hidden."""

    name: str
    sent: bytes
    status: int
    answers: int = 1


def of(body: bytes, kind: bytes = b"application/json", path: bytes = b"/graphql") -> bytes:
    """A whole request with that body."""
    head = b"POST %b HTTP/1.1\r\nHost: parley.test\r\nContent-Type: %b\r\nContent-Length: %d\r\n" % (
        path,
        kind,
        len(body),
    )
    return head + DONE + body


def asking(query: str) -> bytes:
    """One that asks."""
    return of(json.dumps({"query": query}).encode())


HIDDEN: Final = b"GET /readyz HTTP/1.1\r\nHost: inner\r\n\r\n"
REQUESTS: Final = (
    Request("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    Request("HTTP/2 without TLS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    Request("no host", b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    Request("two hosts", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    Request("a blank before a colon", b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    Request("a NUL in a header", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
    Request("a folded header", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
    Request("a method that is none", b"G\x00T /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Request("two lengths", HEAD + LENGTH + b"Content-Length: 5\r\n" + DONE + BODY, 400),
    Request("a length below nothing", HEAD + b"Content-Length: -1\r\n" + DONE, 400),
    Request("a length with a sign", HEAD + b"Content-Length: +24\r\n" + DONE + BODY, 400),
    Request("a length of twenty digits", HEAD + b"Content-Length: 99999999999999999999\r\n" + DONE, 400),
    Request("a length over the limit", HEAD + b"Content-Length: 999999999\r\n" + DONE, 413),
    Request(
        "a length and chunks", HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n" + DONE + b"0\r\n\r\n" + HIDDEN, 400
    ),
    Request("chunks by another name", HEAD + b"Transfer-Encoding: xchunked\r\n" + DONE + b"0\r\n\r\n" + HIDDEN, 400),
    Request("chunks within", HEAD + b"Transfer-Encoding: chunked, identity\r\n" + DONE + b"0\r\n\r\n", 400),
    Request("a chunk of no length", HEAD + b"Transfer-Encoding: chunked\r\n" + DONE + b"x\r\n{}\r\n0\r\n\r\n", 400),
    Request("a chunk longer than a number", HEAD + b"Transfer-Encoding: chunked\r\n" + DONE + b"f" * 20 + b"\r\n", 400),
    Request("another request in a body", HEAD + b"Content-Length: %d\r\n" % len(HIDDEN) + DONE + HIDDEN, 400),
    Request("100 requests at once", (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 100)[:-2] + DONE, 200, 100),
    Request("1,000 requests at once", (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1_000)[:-2] + DONE, 400),
    Request("a megabyte of address", b"GET /graphql?query=" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    Request("a megabyte of header", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    Request("10,000 headers", b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", 431),
    Request("a way out of a folder", b"GET /graphiql/../../etc/passwd HTTP/1.1\r\nHost: a\r\n" + DONE, 404),
    Request("the same, encoded", b"GET /graphiql/%2e%2e%2f%2e%2e%2fetc/passwd HTTP/1.1\r\nHost: a\r\n" + DONE, 404),
    Request("a body that is null", of(b"null"), 400),
    Request("a body that is a number", of(b"5"), 400),
    Request("an empty body", of(b""), 400),
    Request("a body of opened lists", of(b"[" * 200_000), 413),
    Request("a body of opened objects", of(b'{"a":' * 100_000), 413),
    Request("a body in UTF-16", of(BODY.decode().encode("utf-16")), 400),
    Request("half a surrogate pair", of(b'{"query":"\\ud800"}'), 400),
    Request("a query that is a list", of(b'{"query":["{__typename}"]}'), 400),
    Request("variables that are a list", of(b'{"query":"{__typename}","variables":[]}'), 400),
    Request("a batch of nothing", of(b"[]"), 400),
    Request("a batch of null", of(b"[null]"), 400),
    Request("a batch of 10,000", of(b"[" + b",".join([BODY] * 10_000) + b"]"), 400),
    Request("a form", of(b"query=%7B__typename%7D", b"application/x-www-form-urlencoded"), 415),
    Request("text", of(BODY, b"text/plain"), 415),
    Request(
        "an upload",
        of(
            b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n',
            b"multipart/form-data; boundary=b",
        ),
        415,
    ),
    Request(
        "a mutation by GET",
        b"GET /graphql?query=mutation%7Blogout%7Bended%7D%7D HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n"
        + DONE,
        405,
    ),
    Request("another method", b"PUT /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + DONE, 405),
    Request("a trace", b"TRACE /graphql HTTP/1.1\r\nHost: a\r\n" + DONE, 405),
    Request(
        "a form for a service's token",
        of(
            b"grant_type=client_credentials&client_id=%00&client_secret=x",
            b"application/x-www-form-urlencoded",
            b"/oauth/token",
        ),
        401,
    ),
    Request("an import by nobody", of(b"{}", path=b"/import"), 401),
    Request("a file by nobody", of(b"x", b"multipart/form-data; boundary=b", b"/attachments"), 401),
    Request("a question of rights by nobody", of(b"{}", path=b"/access/v1/evaluation"), 401),
)
