"""Beanie's documents, bound to one database after the other: what it makes of their classes is made once."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from beanie.odm.utils.init import Initializer

_made: Final[set[Any]] = set()
_make: Final = Initializer.init_class


async def _bind(self: Initializer, cls: Any) -> None:
    """The first time as ever. Then only the collection is another: the rest takes most of what a small test takes."""
    if cls in _made:
        await self.init_document_collection(cls)  # type: ignore[no-untyped-call]
    else:
        await _make(self, cls)
        _made.add(cls)


@pytest.fixture(scope="session", autouse=True)
def _bound() -> Iterator[None]:
    """For all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Initializer, "init_class", _bind)
        yield
