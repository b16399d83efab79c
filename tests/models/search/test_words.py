"""What counts as a word, in which language it is taken, and what is shown of a message that has it."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.search.analysis import analyse, units
from models.search.languages import LANGUAGES, PLAIN
from models.search.languages import languages as told
from models.search.matching import Mark, marks
from models.search.query import QueryError, parse
from models.search.snippets import BEFORE, LENGTH, snippet

ALL = tuple(range(PLAIN))


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("running", "They run to the hills", True),
        ("invoice", "invoices", True),
        ("Häusern", "Das Haus ist nicht groß", True),
        ("hauser", "Die Häuser sind nicht da", True),
        ("dies", "Die Katze ist nicht da", False),
        ("canciones", "La canción que no es para los niños", True),
        ("CAFÉ", "les cafe\u0301s ne sont pas ouverts", True),
        ("strasse", "Die Straße ist nicht breit", True),
        ('"quick fox"', "a quick, fox", True),
        ('"quick fox"', "a quick brown fox", False),
        ("fox -dog", "fox and dogs are not", False),
        ('fox -"red dog"', "fox, red cat and dog", True),
        ("e-mail", "an e mail", True),
        ("snake_case", "the snake case", True),
        ("京都", "東京都に住む", True),
        ("京部", "東京都に住む", False),
        ("都", "東京都", True),
        ("สวัสดี", "คำว่าสวัสดีครับ", True),
        ("한국", "한국어를", True),
        ("ﬁne", "fine", True),
        ("שלום", "אמר שלום לכולם", True),
        ("नमस्ते", "नमस्ते दुनिया", True),
        ('"never closed', "never closed", True),
        ("a\0b", "a b", True),
    ],
)
def test_a_query_finds_what_people_mean(query: str, text: str, found: bool) -> None:
    assert (marks(parse(query), text) is not None) is found
    terms = analyse(text).terms.keys()
    if found:  # or else the index would not show it
        assert all(needle & terms for needle in parse(query).needles)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("the cat is not here", (LANGUAGES.index("english"),)),
        ("der Hund ist nicht da", (LANGUAGES.index("german"),)),
        ("je ne sais pas que dire", (LANGUAGES.index("french"),)),
        ("no sé cómo es el perro", (LANGUAGES.index("spanish"),)),
        ("invoice", ALL),
        ("x " * 40, (PLAIN,)),
        ("", ALL),
    ],
)
def test_the_language_is_that_of_the_small_words(text: str, places: tuple[int, ...]) -> None:
    words = [unit.text for unit in units(text)]
    assert told({word: words.count(word) for word in words}) == places


@given(st.text(max_size=300), st.text(max_size=60))
def test_whatever_a_text_is_found_for_is_marked_in_it_and_in_the_index(text: str, query: str) -> None:
    try:
        parsed = parse(query)
    except QueryError:
        return
    found = marks(parsed, text)
    if found is not None:
        assert found
        assert all(0 <= mark.start < mark.end <= len(text) for mark in found)
        assert all(needle & analyse(text).terms.keys() for needle in parsed.needles)
    assert all(0 < len(term) < 256 for term in analyse(text).terms)


SAID = st.sampled_from(
    ["the", "The", "and", "run", "RUNNING", "runs", "fox", "fox-run", "der", "a", "x" * 61, "x" * 60]
)
ASCII = st.one_of(
    st.lists(st.one_of(SAID, st.sampled_from([" ", "_", ".", "\0", "\x1c"])), max_size=60).map(" ".join),
    st.text(st.characters(max_codepoint=127), max_size=80),
)
ASKED = st.one_of(st.lists(SAID, min_size=1, max_size=3).map('"{}"'.format), st.text(max_size=20), SAID)


@given(ASCII, st.lists(ASKED, min_size=1, max_size=3).map(" -".join))
def test_a_text_in_ascii_is_read_as_any_other_is(text: str, query: str) -> None:
    try:
        parsed = parse(query)
    except QueryError:
        return
    assert marks(parsed, text) == marks(parsed, f"{text}\u2026")  # no word, and no ASCII
    assert analyse(text) == analyse(f"{text}\u2026")


@given(st.text(alphabet=st.sampled_from("ab <>&\"'\n\u202e京"), max_size=900), st.data())
def test_a_snippet_is_the_messages_own_text_with_nothing_but_marks_in_it(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    given = [Mark(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    shown = snippet(text, given)
    assert len(shown.text) <= LENGTH + 2
    assert shown.text.strip("…") in text
    plain = re.sub("</?mark>", "", shown.html)
    assert "<" not in plain
    assert ">" not in plain
    assert html.unescape(plain) == re.sub(r"\s+", " ", shown.text) or "\n" in text or "  " in text


@given(st.sets(st.integers(0, 2_000), max_size=40))
def test_the_snippet_is_where_the_most_marks_are_shown_and_the_first_such_place(places: set[int]) -> None:
    edges = sorted(places)
    given = [Mark(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    text = "".join("x" if any(m.start <= at < m.end for m in given) else "." for at in range(2_000))

    def whole(start: int) -> int:
        return sum(mark.start >= start and mark.end <= start + LENGTH - BEFORE for mark in given)

    fullest = max((whole(mark.start) for mark in given), default=0)
    first = next((mark for mark in given if whole(mark.start) == fullest), Mark(0, 0))
    start = max(0, min(first.start - BEFORE, len(text) - LENGTH))
    stop = start + LENGTH
    while 0 < start < first.start and text[start - 1].isalnum():
        start += 1
    assert snippet(text, given).text.strip("…") == text[start:stop]
