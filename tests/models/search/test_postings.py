"""Postings come out of their pages as they went in, whatever the gaps; and only pages that may hold them are read."""

from itertools import combinations_with_replacement

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.search.merging import combined
from models.search.postings import PAGE_BYTES, Page, Postings, paged, touched

LISTS = st.dictionaries(
    st.binary(min_size=1, max_size=255),
    st.one_of(
        st.sets(st.integers(0, 2**30), min_size=1, max_size=20),
        st.builds(range, st.integers(0, 10), st.integers(11, 20_000), st.sampled_from([1, 2, 254, 255, 256])),
    ),
    min_size=1,
    max_size=12,
)


def postings(lists: dict[bytes, set[int] | range]) -> Postings:
    terms = sorted(lists)
    docs = [doc for term in terms for doc in sorted(lists[term])]
    counts = np.array([len(lists[term]) for term in terms], np.int64)
    return Postings(terms, counts, np.array(docs, np.int64), np.array([doc % 255 + 1 for doc in docs], np.uint8))


@settings(deadline=None)
@given(LISTS, st.integers(0, 25_000), st.integers(0, 25_000))
def test_a_stretch_of_a_term_is_in_the_pages_that_are_said_to_hold_it(
    lists: dict[bytes, set[int] | range], one: int, other: int
) -> None:
    pages = list(paged(postings(lists)))
    assert all(len(data) < 4 * PAGE_BYTES for _, data in pages)
    marks = [mark for mark, _ in pages]
    start, stop = min(one, other), max(one, other) + 1
    for term, docs in lists.items():
        found: list[int] = []
        for number in touched(marks, term, term, start, stop):
            if there := Page(pages[number][1]).between(term, term):
                assert there[1].tolist() == [doc % 255 + 1 for doc in there[0].tolist()]
                found += there[0].tolist()
        assert [doc for doc in found if start <= doc < stop] == [doc for doc in sorted(docs) if start <= doc < stop]


@settings(deadline=None)
@given(LISTS, st.binary(max_size=3), st.binary(max_size=3))
def test_a_span_of_terms_holds_what_they_hold(lists: dict[bytes, set[int] | range], one: bytes, other: bytes) -> None:
    pages = [Page(data) for _, data in paged(postings(lists))]
    for low, high in combinations_with_replacement(sorted({one, other, min(lists), max(lists)}), 2):
        found = [doc for page in pages if (there := page.between(low, high)) for doc in there[0].tolist()]
        assert found == [doc for term in sorted(lists) if low <= term <= high for doc in sorted(lists[term])]


@settings(deadline=None)
@given(st.lists(LISTS, min_size=1, max_size=3))
def test_pages_together_are_what_was_put_into_them(parts: list[dict[bytes, set[int] | range]]) -> None:
    whole: dict[bytes, set[int]] = {}
    shifted = []
    for number, lists in enumerate(parts):
        moved = {term: {doc * 3 + number for doc in docs} for term, docs in lists.items()}
        shifted.append(postings({term: set(docs) for term, docs in moved.items()}))
        for term, docs in moved.items():
            whole.setdefault(term, set()).update(docs)
    united = combined(shifted)
    assert united.terms == sorted(whole)
    assert united.docs.tolist() == [doc for term in sorted(whole) for doc in sorted(whole[term])]
