"""Which language a message is written in, told by the small words that only one of them uses."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("english", "german", "french", "spanish")
"""Those with stemming, in the order of `analysis.Forms`."""
PLAIN: Final = len(LANGUAGES)
"""The place of the unstemmed form."""
SHORT: Final = 32
"""Words up to which a message that tells no language is taken for one of each."""
TELLING: Final = 2
"""Small words it takes to believe in a language."""

SMALL_WORDS: Final[Mapping[str, str]] = {
    "english": "the and of to is that it you for with this are was have not be what can from they we but or which "
    "would there their how when will an if your has been who does did should could i my do its than",
    "german": "der und das ist nicht ein eine ich zu den mit von auf für dem sich sie wie wir auch werden aus bei "
    "nach wird einen einer kann sind oder aber wenn noch nur dass ihr mein haben hat im zum zur über",
    "french": "le les et est pas une je que vous dans qui ne pour ce sur avec plus au du nous il elle des mais ou "
    "sont cette comme aux être fait votre mon ses peut même c d l j qu n s",
    "spanish": "el los que y en una es por con para las no se lo del como más pero su al este esta son muy hay "
    "puede cuando sobre también tiene está mi yo qué cómo ser ya",
}

_SPOKEN: Final = {
    word: [place for place, name in enumerate(LANGUAGES) if word in SMALL_WORDS[name].split()]
    for words in SMALL_WORDS.values()
    for word in words.split()
}


def languages(counts: Mapping[str, int]) -> tuple[int, ...]:
    """Places of the languages by which to stem a message that has each of these case-folded words so often.

    The one with the most small words, if it has two and more than any other. A short text that tells none is taken for
    all of them, so that `invoices` finds a lone `invoice`; a long one isn't stemmed.
    """
    heard = [0] * len(LANGUAGES)
    for word in counts.keys() & _SPOKEN.keys():
        for place in _SPOKEN[word]:
            heard[place] += counts[word]
    best = max(heard)
    if best >= TELLING and heard.count(best) == 1:
        return (heard.index(best),)
    return tuple(range(PLAIN)) if sum(counts.values()) <= SHORT else (PLAIN,)
