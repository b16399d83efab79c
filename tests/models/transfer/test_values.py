"""Foreign values made storable."""

from decimal import Decimal
from typing import Any

import bson
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transfer.values import extras, headline, metadata, plain

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), ANY))
def test_extras_are_json_and_bson_within_their_size(values: dict[str, Any]) -> None:
    kept = extras(values, 200)
    omitted = kept.pop("omitted", [])
    assert len(orjson.dumps(kept)) <= 200 + 2
    assert bson.decode(bson.encode(kept)) is not None
    assert set(omitted).isdisjoint(kept)


def test_what_nests_too_deep_is_cut() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    assert orjson.dumps(plain(deep)).decode() == "[" * 12 + '"…"' + "]" * 12


@pytest.mark.parametrize(("value", "expected"), [
    ({"$where": 1, "a.b": 2, "\0": 3}, {"\uff04where": 1, "a\uff0eb": 2, "\ufffd": 3}),
    (2**63, str(2**63)),
    (Decimal("1.5"), 1.5),
    (Decimal("1E+400"), "1E+400"),
    (float("nan"), "nan"),
    ("\ud800", "\ufffd"),
    (b"x", "b'x'"),
])  # fmt: skip
def test_values_that_stores_refuse_are_changed(value: Any, expected: Any) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("", None),
    ("\n \n", None),
    ("\n one \ntwo", "one"),
    ("word " * 30, "word " * 15 + "word…"),
    ("x" * 100, "x" * 79 + "…"),
])  # fmt: skip
def test_a_title_is_the_first_line_cut_at_a_word(text: str, expected: str | None) -> None:
    assert headline(text) == expected


def test_metadata_stays_under_its_cap() -> None:
    made = metadata({"parts": "x" * 900}, 1024, model="m" * 5000)
    assert made
    assert (made.llm_model, made.extra) == ("m" * 80, {"omitted": ["parts"]})
    assert metadata({"parts": "x"}, 10) is None
    assert metadata({}, 1024) is None
