"""Foreign values made storable."""

from decimal import Decimal
from typing import Any

import bson
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.transfer.values import Made, epoch, extras, headline, metadata, plain, text_of
from models.tree.draft import Draft, TreeLimits

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
    made, cut = metadata({"parts": "x" * 900}, 1024, Made("m" * 5000))
    assert made
    assert (made.llm_model, made.extra, cut) == ("m" * 80, {"omitted": ["parts"]}, None)
    assert metadata({"parts": "x"}, 10, Made()) == (None, None)
    assert metadata({}, 1024, Made()) == (None, None)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=3000), st.integers(600, 3000), st.dictionaries(st.sampled_from("abc"), st.text(), max_size=3))
def test_reasoning_is_kept_as_far_as_it_fits(thoughts: str, limit: int, extra: dict[str, str]) -> None:
    made, cut = metadata(extra, limit, Made(reasoning=thoughts))
    kept = made.extra.get("reasoning", "") if made else ""
    assert text_of(thoughts).startswith(kept)
    assert (cut is None) == (kept == text_of(thoughts) or made is None)
    Draft(MessageRole.USER, "", metadata=made).check(TreeLimits(metadata_bytes=limit))


@pytest.mark.parametrize(("value", "expected"), [
    (1_700_000_000, 1_700_000_000), (1_700_000_000_123, 1_700_000_000.123), (1_700_000_000_000_000, 1_700_000_000),
    (1_700_000_000_000_000_000, 1_700_000_000), (float("nan"), None), (1e300, None), (-1, None), (True, None),
    ([], None), ("2023-11-14T22:13:20Z", 1_700_000_000),
])  # fmt: skip
def test_epochs_of_any_unit_are_told_by_their_size(value: Any, expected: float | None) -> None:
    found = epoch(value)
    assert (found and found.timestamp()) == expected


@pytest.mark.parametrize("count", [-1, 2**31, 1e300, float("nan"), "many", True, [], {}])
def test_a_count_that_makes_no_sense_is_left_out(count: Any) -> None:
    assert metadata({}, 1024, Made(tokens_in=count, latency_ms=count)) == (None, None)
