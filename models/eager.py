"""Documents whose fields are all there."""

from typing import TypeVar

from beanie import Document

D = TypeVar("D", bound=Document)


def eager(document: type[D]) -> type[D]:
    """Read attributes as of any object: Beanie looks at each, in Python, whether it is still to be parsed.

    INVARIANT: nobody asks for such a document with `lazy_parse`.
    """
    type.__setattr__(document, "__getattribute__", object.__getattribute__)
    return document
