"""What an `Accept` header wants, against a plain reading of RFC 9110, 12.5.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accept import preferred, quality

JSON, RESPONSE, EVENTS = "application/json", "application/graphql-response+json", "text/event-stream"
OFFERED = (JSON, RESPONSE)
NAMES = (JSON, RESPONSE, EVENTS, "text/html", "application/*", "text/*", "*/*")
CHARSETS = ("", "utf-8", "iso-8859-1")
Range = tuple[str, str, int | None]
RANGES = st.tuples(st.sampled_from(NAMES), st.sampled_from(CHARSETS), st.none() | st.integers(0, 1000))
SPACES = st.sampled_from(("", " ", "\t"))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}, {JSON}", RESPONSE),
        (f"{JSON}, {RESPONSE}", JSON),
        (f"{RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", RESPONSE),  # which the specification recommends
        (f"{RESPONSE},{JSON};q=0.9", RESPONSE),  # Apollo Client
        (f"{RESPONSE}, application/graphql+json, {JSON}, {EVENTS}, multipart/mixed", RESPONSE),  # urql
        (f"{JSON};q=0.1, {RESPONSE};q=0.2", RESPONSE),
        (f"{RESPONSE};q=0.5, */*", JSON),
        (f"{RESPONSE};q=0, */*;q=0.1", JSON),
        (f"{JSON};q=0, */*", RESPONSE),
        ("text/html, */*;q=0.1", JSON),
        (f"{RESPONSE.upper()} ; Q=1.000", RESPONSE),
        (f'{RESPONSE}; charset="UTF-8"', RESPONSE),
        (f"{RESPONSE}; q=0.5; charset=latin1, {JSON};q=0.4", RESPONSE),  # after the weight nothing is of the type
        (f'text/x;a="\\",{RESPONSE}", {JSON};q=0.1', JSON),
        ("text/html", None),
        (f"{JSON}; charset=iso-8859-1", None),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
        (",;,", None),
        ("application/jsonx, xapplication/json", None),
        *(
            (f"{JSON};q={bad}", None)
            for bad in ("many", "", "nan", "inf", "1e-1", "-1", "2", "1.001", "0.1234", "\u0660")
        ),
    ],
)
def test_one_of_two_types_is_chosen(accept: str, expected: str | None) -> None:
    assert preferred(accept, OFFERED) == expected


@given(st.lists(RANGES, min_size=1, max_size=6), st.data())
def test_the_choice_is_that_of_a_plain_reading(ranges: list[Range], data: st.DataObject) -> None:
    header = ",".join(_written(each, data) for each in ranges)
    assert preferred(header, OFFERED) == _chosen(ranges)
    for media_type in (JSON, RESPONSE, EVENTS):
        assert quality(header, media_type) == pytest.approx(_wanted(ranges, media_type)[0] / 1000)


def _written(given: Range, data: st.DataObject) -> str:
    name, charset, weight = given
    space = data.draw(SPACES)
    quoted = f'"{charset}"' if data.draw(st.booleans()) else charset
    parameter = f";{space}charset={quoted}" if charset else ""
    return f"{space}{name}{parameter}" + ("" if weight is None else f"{space};q={weight / 1000:.3f}")


def _chosen(ranges: list[Range]) -> str | None:
    """By weight, then by the place in the header, then by ours."""
    wanted = {each: _wanted(ranges, each) for each in OFFERED}
    order = sorted(OFFERED, key=lambda each: (-wanted[each][0], wanted[each][1], OFFERED.index(each)))
    return order[0] if wanted[order[0]][0] else None


def _wanted(ranges: list[Range], media_type: str) -> tuple[int, int]:
    """Weight and place of the most specific range: a type with parameters, a type, a family, anything."""
    kinds = ((media_type, "utf-8"), (media_type, ""), *_families(media_type.partition("/")[0]))
    for kind in kinds:
        for place, (name, charset, weight) in enumerate(ranges):
            if (name, charset) == kind:
                return 1000 if weight is None else weight, place
    return 0, 0


def _families(family: str) -> tuple[tuple[str, str], ...]:
    return (f"{family}/*", "utf-8"), (f"{family}/*", ""), ("*/*", "utf-8"), ("*/*", "")


@given(st.text(alphabet='*/;=q."\\, ajson01é', max_size=60))
def test_whatever_the_header_is_it_is_read(header: str) -> None:
    assert preferred(header, OFFERED) in (*OFFERED, None)


@pytest.mark.parametrize("piece", ['"', '"\\', '\\"', ",", ";", "a;q=1,", '"a",', "=", ' ;"'])
def test_a_header_of_any_length_is_read_piece_by_piece(piece: str) -> None:
    """In steps that grow with its square it would take hours."""
    assert preferred(piece * 300_000, OFFERED) in (JSON, None)
