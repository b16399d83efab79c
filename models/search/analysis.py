"""From text to terms: words cut by Unicode, folded, stemmed; scripts without spaces in single characters and pairs."""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Final, NamedTuple

import Stemmer

from models.search.languages import LANGUAGES, PLAIN, languages

LONGEST: Final = 60
"""Characters of a word that count: a term has less than 256 bytes."""
PREFIXES: Final = (b"e", b"d", b"f", b"s", b"x")
"""Before a term: the language it was stemmed by; `x` for none. So German `die` is not what English `dies` stems to."""
PAIRED: Final = b"n"
"""Before a character, or a pair of them, of a script without spaces."""
LAST_MARK: Final = 0x1F000
"""Beyond it no word has marks."""
VERSION: Final = 1
"""Of what this module makes of a text. One more, and every index is built anew."""

Forms = tuple[str, ...]
"""A word's stem by each language, and the word itself: folded, without accents."""

# Thai, Lao, Myanmar, Khmer, Hangul, kana, Han with its extensions.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)


def _marks() -> str:
    """Combining marks, as ranges of a character class: they belong to the word they stand in."""
    marks = [code for code in range(0x300, LAST_MARK) if unicodedata.category(chr(code)) in ("Mn", "Mc")]
    runs = (list(run) for _, run in groupby(enumerate(marks), key=lambda pair: pair[1] - pair[0]))
    return "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)


_ASCII: Final = re.compile(r"[A-Za-z0-9]+")
_LETTER: Final = rf"(?![{_UNSPACED}])[^\W_]"
_threads: Final = threading.local()


@cache
def _any() -> re.Pattern[str]:
    """A word of any script. Made when it is used: it takes as long as a hundred messages do."""
    return re.compile(rf"(?P<alone>[{_UNSPACED}])|{_LETTER}(?:{_LETTER}|[{_marks()}])*")


class Unit(NamedTuple):
    """A word, or a character of a script without spaces (`alone`), at `start` to `end` of its text."""

    text: str
    start: int
    end: int
    alone: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text's terms with how often each occurs, and how many units it has."""

    terms: Mapping[bytes, int]
    length: int


def units(text: str) -> Iterator[Unit]:
    """The words of `text` in their order, case-folded."""
    if text.isascii():
        for found in _ASCII.finditer(text):
            yield Unit(found[0][:LONGEST].lower(), found.start(), found.end(), False)
    else:
        for found in _any().finditer(text):
            yield Unit(_folded(found[0][:LONGEST]), found.start(), found.end(), found["alone"] is not None)


def words(text: str) -> list[str]:
    """The same of a text in ASCII, which holds nothing but words; quicker."""
    return [word[:LONGEST] for word in _ASCII.findall(text.lower())]


def spans(text: str) -> list[tuple[int, int]]:
    """Where they stand."""
    return [found.span() for found in _ASCII.finditer(text)]


def forms(word: str) -> Forms:
    """The forms of a folded word, as a query needs them."""
    return tuple(form(word, place) for place in range(PLAIN + 1))


@lru_cache(200_000)
def form(word: str, place: int) -> str:
    """A folded word's stem by the language at `place`; or the word, without accents."""
    return _bare(_stemmers()[place].stemWord(word) if place < PLAIN else word)[:LONGEST]


def spoken(found: Sequence[Unit]) -> tuple[int, ...]:
    """Places in `Forms` that count for a text of these units."""
    return languages(Counter(unit.text for unit in found if not unit.alone))


def analyse(text: str) -> Analysis:
    """What the index keeps of a text."""
    if text.isascii():  # most texts, so a quicker way to the same
        counts = Counter(words(text))
        return Analysis(_stemmed(counts, languages(counts)), counts.total())
    found = list(units(text))
    counts = Counter(unit.text for unit in found if not unit.alone)
    return Analysis(_stemmed(counts, languages(counts)) | Counter(_ngrams(found)), len(found))


def terms_of(word: str) -> tuple[bytes, ...]:
    """The terms of a folded word, as a query needs them."""
    return tuple(term(word, place) for place in range(PLAIN + 1))


@lru_cache(200_000)
def term(word: str, place: int) -> bytes:
    """The term of a folded word by the language at `place`."""
    return PREFIXES[place] + encoded(form(word, place))


def alone(text: str) -> bytes:
    """The term of a character, or a pair, of a script without spaces."""
    return PAIRED + encoded(text)


def encoded(text: str) -> bytes:
    """A query may hold half a surrogate pair; it then finds nothing, and breaks nothing."""
    return text.encode("utf-8", "surrogatepass")


def paired(before: Unit, unit: Unit) -> bool:
    """Whether both are characters of a script without spaces, side by side."""
    return before.alone and unit.alone and before.end == unit.start


def _stemmed(counts: Mapping[str, int], places: Sequence[int]) -> dict[bytes, int]:
    terms: dict[bytes, int] = {}
    for place in places:
        for word, count in counts.items():
            stem = term(word, place)
            terms[stem] = terms.get(stem, 0) + count
    return terms


def _ngrams(found: Sequence[Unit]) -> Iterator[bytes]:
    for before, unit in zip((None, *found), found, strict=False):
        if unit.alone:
            yield alone(unit.text)
        if before is not None and paired(before, unit):
            yield alone(before.text + unit.text)


@lru_cache(100_000)
def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def _bare(word: str) -> str:
    """Without accents and other marks, unless it is made of nothing else."""
    if word.isascii():
        return word
    plain = "".join(each for each in unicodedata.normalize("NFKD", word) if not unicodedata.combining(each))
    return unicodedata.normalize("NFC", plain) or word


def _stemmers() -> "list[Stemmer.Stemmer]":
    """This thread's: one may not be shared."""
    made: list[Stemmer.Stemmer] | None = getattr(_threads, "stemmers", None)
    if made is None:
        made = _threads.stemmers = [Stemmer.Stemmer(name) for name in LANGUAGES]
        for stemmer in made:
            stemmer.maxCacheSize = 0  # `form` remembers
    return made
