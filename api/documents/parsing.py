"""Documents parsed as graphql-core does it, without the rings that it leaves: its tokens know those beside them.

A document that is refused was freed by the garbage collector alone, for that: thousands of objects of each.
"""

from graphql import DocumentNode, GraphQLSyntaxError, Lexer, Source, Token
from graphql.language.parser import Parser

TOO_DEEP = "Document is nested too deeply."


def parse(text: str, *, max_tokens: int, no_location: bool = False) -> DocumentNode:
    """It. Raise `GraphQLError` where it can't be read, or has more tokens."""
    source = Source(text)
    lexer = Lexer(source)
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
