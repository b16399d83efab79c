"""Parts that are told again are told to the byte as if their JSON were made anew."""

from collections import OrderedDict
from enum import StrEnum
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.answer_json import Retold, answer_json

OPTIONS = orjson.OPT_NON_STR_KEYS


class Word(str):
    """No plain text."""

    __slots__ = ()


class Kind(StrEnum):
    """Nor is this."""

    ONE = "one"


NAMES = st.text(max_size=5)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False),
        NAMES,
        NAMES.map(Word),
        st.just(Kind.ONE),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=4).map(Retold),
        st.dictionaries(NAMES, inner, max_size=4).map(OrderedDict),
    ),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_the_same_json_each_time(told: Any) -> None:
    anew = orjson.dumps(told, option=OPTIONS)
    assert [answer_json(told), answer_json({"again": [told, told]})] == [anew, b'{"again":[%b,%b]}' % (anew, anew)]
    assert answer_json(told) == anew


def test_it_is_made_once() -> None:
    part = Retold(a=1)
    assert answer_json([part]) == b'[{"a":1}]'
    assert part.json is part.json
    assert part == {"a": 1}


def test_what_has_none_is_an_error() -> None:
    with pytest.raises(TypeError, match="object"):
        answer_json({"a": object()})
