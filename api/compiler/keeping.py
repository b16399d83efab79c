"""Answers of objects that stay as they are are made once: see `resolvers.steady`."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from api.answer_json import Retold
from api.compiler.field import Field
from api.compiler.paths import Place
from api.compiler.run import Answer, Builder, Run
from permissions.guards import Guard
from resolvers.steady import Steady

MOST: Final = 2
"""Answers of one object, by what is selected of it."""
MOST_FIELDS: Final = 24
"""Selected below it, together: a page has a hundred times as many, of some 90 bytes each."""


class Lasting(NamedTuple):
    """A selection whose answers depend on nothing but the object, and some guards."""

    guards: Mapping[Guard, Field]
    """Each with the first place at which it stands."""
    fields: int
    """Selected in it, and below."""


class _Known(NamedTuple):
    answer: Answer
    size: int
    """Bytes, as they are counted."""


def keeping(build: Builder, lasting: Lasting) -> Builder:
    """The same, which keeps its answers where they are small. Its guards are asked in each request.

    One that refuses has the answer made anew, so that each field that it guards has its own error.
    """
    if lasting.fields > MOST_FIELDS:
        return build

    def kept(source: Any, run: Run, place: Place) -> Any:
        steady: Steady | None = source.steady
        if steady is None:
            return build(source, run, place)
        known: _Known | None = steady.answers.get(build)
        if known is not None and all(
            run.allows(guard, steady, field, place) for guard, field in lasting.guards.items()
        ):
            run.size += known.size
            return known.answer
        before, size = run.foreseen, run.size
        answer = build(source, run, place)
        if before and run.foreseen and type(answer) is dict:
            if len(steady.answers) >= MOST:
                steady.answers.clear()
            steady.answers[build] = _Known(Retold(answer), run.size - size)
        return answer

    return kept
