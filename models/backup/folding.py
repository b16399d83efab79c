"""The journal by documents, on disk, and what each document was at a moment and at the end."""

import sqlite3
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Final, NamedTuple, Self

from models.backup.changes import Change, Kind, key_bytes
from models.backup.deltas import apply
from models.database import Record

CACHE_KIB: Final = 32 * 1024
ROWS: Final = 1_000
"""Written at a time."""


class Two(NamedTuple):
    """A document at the moment that is restored, and as it was last known; None where it isn't there."""

    then: Record | None
    last: Record | None


def fold(base: Record | None, changes: Iterable[Change], at: int) -> Two:
    """Apply `changes`, in order, to what was copied. `at` in ms; what happened in that millisecond counts. Pure."""
    document, then, passed = base, base, False
    for change in changes:
        if change.at > at and not passed:
            then, passed = deepcopy(document), True
        if change.kind is Kind.UPDATE:
            if document is not None:
                apply(document, change.content)
        else:
            document = change.content if change.kind is Kind.PUT else None
    return Two(then if passed else document, document)


class Placed(NamedTuple):
    """A change, and which one it is."""

    n: int
    change: Change


class Folding:
    """What a journal tells, in a database file of SQLite's own that has no name, and is gone with this process."""

    def __init__(self, changes: Iterable[Change], at: int) -> None:
        self._at: Final = at
        self._sql = sqlite3.connect("")
        self.indexes: Record = {}
        """Of each collection, at the moment."""
        self._sql.executescript(
            f"PRAGMA cache_size = -{CACHE_KIB}; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"
            "CREATE TABLE changes (n INTEGER PRIMARY KEY, collection TEXT, key BLOB, change BLOB);"
            "CREATE TABLE done (collection TEXT, key BLOB, PRIMARY KEY (collection, key)) WITHOUT ROWID;"
        )
        self._drops: dict[str, list[Placed]] = {}
        rows: list[tuple[int, str, bytes, bytes]] = []
        for n, change in enumerate(changes):
            rows.extend(self._row(n, change))
            if len(rows) >= ROWS:
                self._insert(rows)
                rows = []
        self._insert(rows)
        self._sql.execute("CREATE INDEX place ON changes (collection, key, n)")
        found = self._sql.execute("SELECT DISTINCT collection FROM changes")
        self.collections: Final = sorted(name for (name,) in found)

    def touched(self, collection: str) -> bool:
        """Whether it was changed at all."""
        return collection in self.collections or collection in self._drops

    def document(self, collection: str, base: Record) -> Two | None:
        """What became of a document of the base; None for one that stands there again."""
        key = key_bytes(base["_id"])
        changes = self._changes(collection, key)
        if not changes:
            return Two(base, base)
        again = self._sql.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (collection, key)).rowcount == 0
        return None if again else fold(base, changes, self._at)

    def newer(self, collection: str) -> Iterator[Two]:
        """Those that are in the journal only. Ask when all of the base are through."""
        keys = self._sql.execute(
            "SELECT DISTINCT key FROM changes WHERE collection = ? EXCEPT SELECT key FROM done WHERE collection = ?",
            (collection, collection),
        )
        for (key,) in keys:
            yield fold(None, self._changes(collection, key), self._at)

    def close(self) -> None:
        """Give the file back."""
        self._sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _changes(self, collection: str, key: bytes) -> list[Change]:
        """Of one document; whoever drops a collection deletes all that is in it."""
        found = self._sql.execute("SELECT n, change FROM changes WHERE collection = ? AND key = ?", (collection, key))
        placed = [Placed(n, Change.decoded(data)) for n, data in found]
        return [each.change for each in sorted([*placed, *self._drops.get(collection, ())])]

    def _row(self, n: int, change: Change) -> Iterator[tuple[int, str, bytes, bytes]]:
        match change.kind:
            case Kind.INDEXES:
                if change.at <= self._at or not self.indexes:
                    self.indexes = change.content
            case Kind.DROP:
                self._drops.setdefault(change.collection, []).append(Placed(n, change))
            case _:
                yield n, change.collection, key_bytes(change.key), change.encoded()

    def _insert(self, rows: list[tuple[int, str, bytes, bytes]]) -> None:
        self._sql.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", rows)
