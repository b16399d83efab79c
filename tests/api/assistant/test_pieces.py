"""Texts that come at any pace and in any size become pieces that fit."""

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.assistant.pieces import Joined, cut, paced
from resolvers.chat.manuscripts import PIECE_BYTES, piece

ANY = st.text(st.characters(codec=None, categories=None), max_size=20)
"""Halves of surrogate pairs among them."""


@given(st.lists(ANY, max_size=5), st.integers(4, 12))
def test_pieces_say_the_same_and_each_fits(texts: list[str], size: int) -> None:
    joined = Joined()
    said = "".join(joined.add(text, last=False) for text in texts) + joined.add("", last=True)
    assert said == "".join(texts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    pieces = list(cut(said, size))
    assert "".join(pieces) == said
    assert all(0 < len(each.encode()) <= size for each in pieces)


class BrokenError(Exception):
    """What an endpoint does."""


async def texts(*each: str, fails: bool = False) -> AsyncGenerator[str, None]:
    for text in each:
        yield text
    if fails:
        raise BrokenError


async def test_what_comes_together_goes_together() -> None:
    assert [each async for each in paced(texts("a", "b", "\ud83d", "\ude42"), 0)] == ["ab🙂"]
    big = [each async for each in paced(texts("ä" * PIECE_BYTES), 0)]
    assert [piece(0, each) for each in big] == big
    assert "".join(big) == "ä" * PIECE_BYTES


async def test_what_came_before_an_error_is_said() -> None:
    pieces = paced(texts("a", "b", fails=True), 0)
    assert await anext(pieces) == "ab"
    with pytest.raises(BrokenError):
        await anext(pieces)
