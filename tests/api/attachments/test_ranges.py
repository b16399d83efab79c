"""`Range`, as RFC 9110 has it."""

import pytest

from api.attachments.ranges import Span, UnsatisfiableError, matches, span

HUGE = "9" * 5_000
RANGES = {
    "bytes=0-0": Span(0, 1),
    "bytes=0-": Span(0, 10),
    "bytes=3-5": Span(3, 6),
    "bytes=9-9": Span(9, 10),
    "bytes=5-99": Span(5, 10),
    f"bytes=0-{HUGE}": Span(0, 10),
    "bytes=-3": Span(7, 10),
    "bytes=-10": Span(0, 10),
    f"bytes=-{HUGE}": Span(0, 10),
    "bytes=0000000000000000000000003-5": Span(3, 6),
}
WHOLE = (
    None,
    "",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=5-3",
    "bytes=0-1,3-4",
    "bytes=" + ",".join(["0-"] * 1_000),
    "lines=1-2",
    "bytes=--1",
    "bytes=+1-2",
    "bytes=1_0-2",
    "bytes=\u0661-\u0662",
    "bytes 0-1",
    "0-1",
)
BEYOND = ("bytes=10-", "bytes=10-20", f"bytes={HUGE}-", f"bytes={HUGE}-{HUGE}", "bytes=-0")


@pytest.mark.parametrize("header", RANGES)
def test_one_range_is_given(header: str) -> None:
    assert span(header, 10) == RANGES[header]


@pytest.mark.parametrize("header", WHOLE)
def test_what_is_not_one_range_of_bytes_gives_all(header: str | None) -> None:
    assert span(header, 10) is None


@pytest.mark.parametrize("header", BEYOND)
def test_what_begins_after_the_end_is_refused(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        span(header, 10)


def test_tags_are_compared_weakly() -> None:
    assert all(matches('"a"', header) for header in ('"a"', 'W/"a"', '"b", "a"', "*"))
    assert not any(matches('"a"', header) for header in (None, "", '"b"', "a"))
