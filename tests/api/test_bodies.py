"""JSON that can be understood in one way only."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import TooManyValuesError, UnreadableBodyError, parsed, require_few

NAMES = st.sampled_from(["a", "b", "é", '"', "\\", "a:", ""])
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.sampled_from([":", '":', "{", 0.5])
Pairs = list[tuple[str, object]]


class Members(list):  # type: ignore[type-arg]
    """An object as pairs, of which some may have the same name."""


VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(Members),
    max_leaves=12,
)


def written(value: object) -> str:
    if isinstance(value, Members):
        return "{" + ", ".join(f"{json.dumps(name)} : {written(each)}" for name, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def twice(value: object) -> bool:
    if isinstance(value, Members):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(twice(each) for _, each in value)
    return isinstance(value, list) and any(map(twice, value))


def meant(value: object) -> object:
    if isinstance(value, Members):
        return {name: meant(each) for name, each in value}
    return [meant(each) for each in value] if isinstance(value, list) else value


@given(VALUES)
def test_a_text_is_read_unless_a_member_is_named_twice(value: object) -> None:
    text = written(value).encode()
    if not twice(value):
        assert parsed(text) == meant(value)
        return
    with pytest.raises(UnreadableBodyError, match="more than one member"):
        parsed(text)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 200_000, "depth limit"),
        (b"[" * 1000 + b"]" * 1000, "nested too deeply"),
        (b'{"a":' * 200_000, "depth limit"),
        (b'{"a": NaN}', "expected"),
        (b'{"a": 1e999}', "infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", "infinity"),
        (b"{'a': 1}", "expected a string key"),
        (b'{"a": 1,}', "trailing comma"),
        (b'{"a": 1} {}', "unexpected content"),
        (b'{"a": 1, "\\u0061": 2}', "more than one member `a`"),
        (b'{"a": [{"b": {"c": 1, "c": 1}}]}', "more than one member `c`"),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_reason(body: bytes, why: str) -> None:
    with pytest.raises(UnreadableBodyError, match=why):
        parsed(body)


def test_a_long_number_is_read() -> None:
    assert parsed(b'{"a": ' + b"9" * 300 + b"}") == {"a": pytest.approx(1e300)}


@given(VALUES)
def test_names_and_values_are_counted_without_parsing_and_never_too_many(value: object) -> None:
    text = written(value).encode()
    require_few(text, 3 * number(value))
    if number(value) > 3:
        with pytest.raises(TooManyValuesError):
            require_few(text, number(value) // 3)


def number(value: object) -> int:
    """Of all names and values."""
    if isinstance(value, Members):
        return 1 + sum(1 + number(each) for _, each in value)
    return 1 + sum(map(number, value)) if isinstance(value, list) else 1


def test_what_stands_in_strings_is_no_value() -> None:
    for text in ('[,]{:}"' * 10_000, '\\"' * 10_000, "\\", '\\\\"', "\\\\\\"):
        require_few(json.dumps({"query": text, "variables": {"a": text}}).encode(), 10)
    for body in (b"[]," * 1_000, b'"",' * 1_000, b'{"a":{}},' * 1_000):
        with pytest.raises(TooManyValuesError):
            require_few(b"[" + body + b"1]", 100)
