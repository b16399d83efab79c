"""Cutting a file into records, wherever its chunks end."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transfer.records import CutShortError, NotAListError, Piece, TrailingTextError, elements, lines
from tests.models.transfer.exports import chunks

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='a"\\[]{},: \n\u00e9'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='a"\\{'), inner, max_size=4),
)


@settings(deadline=None)
@given(st.lists(JSON), st.integers(1, 9))
def test_a_list_is_cut_at_its_own_commas_only(values: list[Any], size: int) -> None:
    found = _whole(elements(chunks(orjson.dumps(values), size)))
    assert [orjson.loads(text) for text in found if text.strip()] == values


@settings(deadline=None)
@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)), st.integers(1, 9))
def test_lines_end_at_line_feeds(texts: list[bytes], size: int) -> None:
    whole = b"\n".join(texts)
    assert _whole(lines(chunks(whole, size))) == whole.removesuffix(b"\n").split(b"\n") if whole else True


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(("text", "error"), [
    ("", NotAListError),
    ("  ", NotAListError),
    ("{}", NotAListError),
    ("[", CutShortError),
    ('["]', CutShortError),
    ('["\\', CutShortError),
    ("[{]", CutShortError),
    ("[] x", TrailingTextError),
    ("[1]]", TrailingTextError),
])  # fmt: skip
def test_what_is_no_single_list_is_an_error(text: str, error: type[Exception], size: int) -> None:
    with pytest.raises(error):
        _whole(elements(chunks(text, size)))


def test_a_long_text_in_small_chunks_is_not_read_over_and_over() -> None:
    text = orjson.dumps(["x" * 2_000_000])
    assert sum(len(piece) for piece, _ in elements(chunks(text, 64))) == len(text) - 2


def _whole(pieces: Iterable[Piece]) -> list[bytes]:
    """The records, put together."""
    return list(_joined(pieces))


def _joined(pieces: Iterable[Piece]) -> Iterator[bytes]:
    held = b""
    for piece, ends in pieces:
        held += piece
        if ends:
            yield held
            held = b""
    assert not held
