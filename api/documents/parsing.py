"""Documents parsed as graphql-core does it, without the rings that it leaves: its tokens know those beside them.

A document that is refused was freed by the garbage collector alone, for that: thousands of objects of each.
"""

from collections.abc import Callable
from typing import Final

from graphql import DocumentNode, GraphQLSyntaxError, Lexer, Source, Token
from graphql.language.parser import Parser

TOO_DEEP: Final = "Document is nested too deeply."

Step = Callable[[], None]
"""Called as long as something goes on, again and again."""


class _Stepping(Lexer):
    """Tells of each token."""

    def __init__(self, source: Source, step: Step) -> None:
        super().__init__(source)
        self._step = step

    def advance(self) -> Token:
        self._step()
        return super().advance()


def parse(text: str, *, max_tokens: int, no_location: bool = False, step: Step | None = None) -> DocumentNode:
    """It. Raise `GraphQLError` where it can't be read, or has more tokens."""
    source = Source(text)
    lexer = Lexer(source) if step is None else _Stepping(source, step)
    first = lexer.token
    try:
        return Parser(source, no_location=no_location, max_tokens=max_tokens, lexer=lexer).parse_document()
    except RecursionError:
        pass  # what is raised here would keep all the frames of it
    finally:
        _unlink(first)
    raise GraphQLSyntaxError(source, lexer.token.start, TOO_DEEP)


def _unlink(first: Token) -> None:
    """Nobody asks a token of a document that is read for its neighbours."""
    token: Token | None = first
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
