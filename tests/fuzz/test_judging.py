"""The judge sees what it is there for."""

import pytest

from tests.fuzz.judging import Judge, statuses

JUDGE = Judge((b"the key",))


@pytest.mark.parametrize(
    "told",
    [
        b'Traceback (most recent call last):\n  File "x.py", line 1',
        b'{"errors": [{"extensions": {"code":"INTERNAL_SERVER_ERROR"}}]}',
        b'{"message": "pymongo.errors.OperationFailure"}',
        b"/usr/lib/python3/site-packages/x",
        b"what is it? the key!",
        b"to alice: what bob has",
    ],
)
def test_it_finds_what_is_wrong(told: bytes) -> None:
    assert JUDGE.faults(told, [200], ["what bob has"])


def test_it_finds_a_failure_and_nothing_in_a_good_answer() -> None:
    assert JUDGE.faults(b"", [200, 500]) == ["status 500"]
    assert JUDGE.faults(b'{"data": {"me": null}}', [200, 400], ["what bob has"]) == []


def test_it_hears_each_answer_on_a_connection() -> None:
    assert statuses(b'HTTP/1.1 200 OK\r\n\r\n{"a": "HTTP/1.1 500 "}HTTP/1.1 400 Bad Request\r\n\r\n') == [200, 400]
