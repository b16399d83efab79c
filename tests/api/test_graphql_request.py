"""What short bodies ask for is remembered where they say nothing of anybody."""

import pytest

from api.graphql_request import asked_again
from api.refusals import RefusedRequestError

VALUES = 100


def test_what_says_nothing_of_anybody_is_read_once() -> None:
    body = b'{"query": "{ me { id } }", "operationName": "A"}'
    first, again = asked_again(body, VALUES), asked_again(bytes(bytearray(body)), VALUES)
    assert first is again
    assert first is not None
    assert (first.query, first.operation_name) == ("{ me { id } }", "A")
    assert (first.variables, first.extensions, first.document_id) == (None, None, None)


def test_variables_and_extensions_that_are_empty_say_nothing() -> None:
    found = asked_again(b'{"query": "{ a }", "variables": {}, "extensions": null}', VALUES)
    assert found is not None
    assert (found.query, found.variables, found.extensions) == ("{ a }", None, None)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"query": "mutation { login(password: \"secret\") }"}',
        rb'{"query": "mutation { login(password: \u0022secret\u0022) }"}',
        b'{"query": "{ a }", "variables": {"password": "secret"}}',
        b'{"query": "{ a }", "extensions": {"cost": true}}',
        b'{"query": "{ a }", "variables": []}',
        b'{"query": "{ a }", "documentId": {}}',
        b'{"query": "{ a }", "operationName": null}',
        b'{"query": "{ ' + b"a " * 300 + b'}"}',
        b"[]",
    ],
)
def test_nothing_else_is_kept(body: bytes) -> None:
    assert asked_again(body, VALUES) is None


def test_a_body_that_is_refused_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(RefusedRequestError):
            asked_again(b'{"query": "{ a }", "query": "{ b }"}', VALUES)
