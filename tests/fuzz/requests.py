"""HTTP requests, byte by byte: whole, broken, pipelined, and those that two servers would read as different ones."""

import json
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.exchange import Sent

LAST: Final = b"GET /healthz HTTP/1.1\r\nHost: parley.test\r\nConnection: close\r\n\r\n"
BODY: Final = json.dumps({"query": "{ __typename }"}).encode()

methods: Final = st.sampled_from(
    ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PRI", "get", "G T", "", "P\x00ST"]
).map(lambda text: text.encode()) | st.binary(max_size=12)
paths: Final = st.sampled_from(
    [
        "/graphql",
        "/graphql?query={__typename}",
        "/graphql?query=%7Bme%7Bid%7D%7D&variables=%00&operationName=%ff",
        "/graphql?query=" + "a" * 9_000,
        "/graphql/",
        "//graphql",
        "/./graphql",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/attachments",
        "/attachments/../graphql",
        "/attachments/%00",
        "/attachments/x?size=-1",
        "/export",
        "/import",
        "/healthz",
        "/readyz",
        "/.well-known/jwks.json",
        "/.well-known/authzen-configuration",
        "/access/v1/evaluation",
        "/access/v1/evaluations",
        "/access/v1/search/subject",
        "/oauth/token",
        "/graphiql/index.js",
        "http://parley.test/graphql",
        "http://other.test:99999/graphql",
        "*",
        "parley.test:443",
        "",
        "/a b",
        "/\xff\xfe",
        "/\t",
        "/#fragment",
        "/graphql#",
    ]
).map(lambda text: text.encode("latin-1")) | st.binary(max_size=40)
versions: Final = st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"", b"X"])
breaks: Final = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\x00\r\n", b" \r\n"])
names: Final = st.sampled_from(
    [
        "Host",
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Accept",
        "Authorization",
        "Cookie",
        "Origin",
        "Upgrade",
        "Expect",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "X-Request-ID",
        "X-Forwarded-For",
        "Range",
        "If-None-Match",
        "Trailer",
        "TE",
        "Content-Encoding",
        "Accept-Encoding",
        "X-Parley-Revision",
        "Apollo-Require-Preflight",
        "Forwarded",
        "Keep-Alive",
    ]
).map(str.encode) | st.binary(max_size=12)
texts: Final = st.sampled_from(
    [
        "parley.test",
        "application/json",
        "application/json; charset=utf-16",
        "application/graphql-response+json;q=2, */*;q=x",
        "text/event-stream",
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/form-data; boundary",
        "application/x-www-form-urlencoded",
        "text/plain",
        "0",
        "-1",
        "+5",
        "0x10",
        "1e3",
        "5, 5",
        "5, 6",
        "99999999999999999999",
        "chunked",
        "chunked, identity",
        "xchunked",
        "gzip, chunked",
        "close",
        "keep-alive, Upgrade",
        "websocket",
        "h2c",
        "100-continue",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer " + "." * 9_000,
        "Basic Og==",
        "Basic \xff",
        "bytes=0-1,5-,-9",
        "bytes=" + "0-," * 3_000,
        "null",
        "graphql-transport-ws",
        "dGhlIHNhbXBsZSBub25jZQ==",
        "13",
        "a" * 20_000,
        "a\tb",
        " lead",
        "\x00",
        "\x1b[31m",
        "\xe9\xff",
        '"',
        "=;=;",
        "parley_refresh=x; parley_refresh=" + "y" * 5_000,
    ]
).map(lambda text: text.encode("latin-1")) | st.binary(max_size=20)
bodies: Final = st.sampled_from(
    [
        BODY,
        b"",
        b"null",
        b"5",
        b"[]",
        b"[[]]",
        b"[null, 5]",
        b'"x"',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ["x"]}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "{ __typename }", "extensions": {"persistedQuery": []}}',
        b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}',
        b'{"query": "{ a }", "query": "{ b }"}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ node(id: \\"\\u0000\\") { id } }"}',
        b'{"query": "{ __typename }", "variables": {"a": 1e999, "b": NaN}}',
        b'{"query": "{ __typename }", "variables": {"\\u0000": 123456789012345678901234567890}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf" + BODY,
        "{}".encode("utf-16"),
        b"query=%7B__typename%7D",
        b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n',
        b"grant_type=client_credentials&client_id=%00&client_secret=x",
        b'{"subject": {}, "action": {}, "resource": {}}',
        b'{"subject": {"type": "user", "id": "\\u0000"}, "action": {"name": "$where"}, "resource": {"type": "x"}}',
        b'{"evaluations": [{}, null, 5]}',
    ]
) | st.binary(max_size=200)


@st.composite
def whole(draw: st.DrawFn) -> bytes:
    """A request to which nothing is wrong but what it says; or something is that no parser sees."""
    body = draw(bodies)
    kind = draw(st.sampled_from([b"application/json"] * 4 + [b"text/plain", b"multipart/form-data; boundary=b"]))
    method, path = draw(st.sampled_from([b"POST"] * 4 + [b"GET", b"PUT", b"OPTIONS", b"HEAD"])), draw(paths)
    head = b"%b %b HTTP/1.1\r\nHost: parley.test\r\n" % (method, b"".join(path.split()) or b"/")
    return head + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """A body in chunks whose sizes may lie."""
    sizes = st.sampled_from(
        ["{:x}", "{:X}", "0{:x}", "{:x};ext=1", "{:x} ", "-{:x}", "0x{:x}", "{:x}\x00", "", "ffffffffffffffffff"]
    )
    parts = [BODY[start : start + 7] for start in range(0, len(BODY), 7)]
    odd = draw(st.booleans())
    coded = b"".join(
        (draw(sizes) if odd else "{:x}").format(len(part)).encode("latin-1")
        + b"\r\n"
        + part
        + draw(breaks if odd else st.just(b"\r\n"))
        for part in parts
    )
    end = draw(st.sampled_from([b"0\r\n\r\n"] * 3 + [b"0\r\nTrailer: x\r\n\r\n", b"00\r\n\r\n", b"0\r\n", b""]))
    length = draw(st.sampled_from([b""] * 4 + [b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"]))
    coding = draw(st.sampled_from([b"chunked"] * 4 + [b"Chunked", b"\x0bchunked", b"chunked, chunked", b"identity"]))
    head = b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return head + length + b"Transfer-Encoding: %b\r\n\r\n" % coding + coded + end


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A request line and headers of anything."""
    line = draw(methods) + b" " + draw(paths) + b" " + draw(versions) + draw(breaks)
    headers = draw(
        st.lists(st.tuples(names, st.sampled_from([b": "] * 8 + [b":", b" : ", b""]), texts, breaks), max_size=6)
    )
    fold = draw(st.sampled_from([b""] * 5 + [b" folded\r\n", b"\tfolded\r\n"]))
    return line + b"".join(b"".join(parts) for parts in headers) + fold + draw(breaks) + draw(bodies)


@st.composite
def smuggled(draw: st.DrawFn) -> bytes:
    """Two lengths, two codings or a length that hides a second request."""
    inner = draw(
        st.sampled_from([b"GET /admin HTTP/1.1\r\nHost: inner\r\n\r\n", b"0\r\n\r\nGET /readyz HTTP/1.1\r\nX: ", b"G"])
    )
    lengths = draw(
        st.lists(
            st.sampled_from(
                [
                    b"Content-Length: %d" % len(inner),
                    b"Content-Length: 0",
                    b"Content-Length : 5",
                    b"Content-Length:\t4",
                    b"content-length: 1",
                    b"Transfer-Encoding: chunked",
                    b"Transfer-Encoding : chunked",
                    b"Transfer-Encoding: x\r\n\tchunked",
                    b"Transfer-Encoding:\x0bchunked",
                    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                    b"X: y\nContent-Length: 3",
                ]
            ),
            min_size=1,
            max_size=3,
        )
    )
    return b"POST /graphql HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(lengths) + b"\r\n\r\n" + inner


@st.composite
def cut(draw: st.DrawFn, of: SearchStrategy[bytes]) -> bytes:
    """Some of it, or some of it other than it was."""
    data = bytearray(draw(of))
    for _ in range(draw(st.integers(0, 3))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """One or more requests on a connection, in pieces; often with a good one at the end."""
    if draw(st.integers(0, 3)) == 0:
        only = draw(whole())
        # Of a long one, what is still under way resets the connection, and the refusal is lost.
        return Sent((only, LAST), whole=len(only) < 60_000)
    one = st.one_of(whole(), chunked(), broken(), smuggled(), cut(whole()), cut(chunked()), cut(broken()))
    data = b"".join(draw(st.lists(one, min_size=1, max_size=4))) + draw(st.sampled_from([LAST, LAST, b""]))
    size = draw(st.sampled_from([len(data) or 1] * 3 + [max(1, len(data) // 3), max(1, len(data) // 20)]))
    return Sent(tuple(data[start : start + size] for start in range(0, len(data), size)))
