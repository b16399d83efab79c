"""The trusted documents as a worker holds them: all of them, read anew within a second of a change."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from models.single_flight import SingleFlight
from models.trusted_document import TrustedDocument
from permissions.operations.registry import OperationRegister

FRESH_SECONDS: Final = 1.0
"""How old what is remembered may be: what is removed is run nowhere after this."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """As of a revision."""

    revision: int = -1
    texts: Mapping[str, str] = field(default_factory=dict)
    """By the documents' ids, and by their SHA-256."""
    digests: frozenset[str] = frozenset()

    @classmethod
    def of(cls, revision: int, documents: Iterable[TrustedDocument]) -> "Trusted":
        """These documents."""
        texts, digests = dict[str, str](), set[str]()
        for each in documents:
            texts[each.id] = each.text
            texts.setdefault(each.sha256, each.text)
            digests.add(each.sha256)
        return cls(revision, texts, frozenset(digests))


class Catalog:
    """One a worker. It asks for the revision when it is asked itself, at most once in `FRESH_SECONDS`."""

    def __init__(self, register: OperationRegister, clock: Callable[[], float] = time.monotonic) -> None:
        self._register: Final = register
        self._clock: Final = clock
        self._reading: Final = SingleFlight(self._read)
        self._known = Trusted()
        self._fresh_until = float("-inf")

    async def trusted(self) -> Trusted:
        """All that is registered. Raise `PyMongoError` where that can't be told: nothing goes by what was once."""
        asked = self._clock()
        while asked >= self._fresh_until:  # what is being read may be older than that when it is there
            await self._reading.join()
        return self._known

    def forget(self) -> None:
        """Ask when next asked: something has changed here."""
        self._fresh_until = float("-inf")

    async def _read(self) -> None:
        begun = self._clock()
        # Before the documents: what is read with them may be newer than its number, and is read again then.
        revision = await self._register.revision()
        if revision != self._known.revision:
            self._known = Trusted.of(revision, await self._register.all())
        self._fresh_until = begun + FRESH_SECONDS
