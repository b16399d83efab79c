"""Tokens are counted as graphql-core counts them, and no document takes long."""

from typing import Final

import pytest
from graphql import GraphQLError, parse
from hypothesis import example, given
from hypothesis import strategies as st

from api.documents.tokens import crowded
from tests.attacks.documents import ATTACKS

TOKENS: Final = st.sampled_from(
    ["a", "_x1", "{", "}", "...", "$", "@", "|", "0", "-12.5e-3", '"a\\"b"', '""', '"""a "b" \\""" c"""', '#c { } "\n']
)
IGNORED: Final = st.sampled_from([" ", "\n", ",", "\t \r\n", "\ufeff"])


@given(st.lists(st.tuples(TOKENS, IGNORED), max_size=12), st.integers(0, 12))
@example([("#", " "), ("a", " ")], 1)
def test_as_many_as_were_written(written: list[tuple[str, str]], most: int) -> None:
    text = "".join(token + ignored for token, ignored in written)
    comments = [number for number, (token, _) in enumerate(written) if token == "#"]
    count = comments[0] + 1 if comments else len(written)
    assert crowded(text, most) == (count > most)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_graphql_core_finds_too_many_and_whatever_it_can_read_is_judged_alike(attack: object) -> None:
    text = attack.document  # type: ignore[attr-defined]
    try:
        parse(text, max_tokens=2_000)
    except GraphQLError as error:
        if "tokens" in error.message:
            assert crowded(text, 2_000)
    else:
        assert not crowded(text, 2_000)
