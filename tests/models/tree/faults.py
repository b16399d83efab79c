"""A database that fails as stores and workers do: dead after a write, or an answer lost and the write sent again."""

from collections.abc import Awaitable, Callable
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

WRITES = {
    "insert_one",
    "insert_many",
    "update_one",
    "update_many",
    "replace_one",
    "delete_one",
    "delete_many",
    "bulk_write",
}
Send = Callable[[], Awaitable[Any]]


class Crash(BaseException):
    """The worker is dead. No `Exception`: nothing may catch it."""


class Faulty:
    """Stands for `db`; something goes wrong at write number `at`, counted from 1."""

    def __init__(self, db: AsyncDatabase[Record], at: int) -> None:
        self._db = db
        self._at = at
        self.writes = 0

    @property
    def happened(self) -> bool:
        """Whether it came to that."""
        return self.writes >= self._at

    def __getitem__(self, name: str) -> Any:
        return _FaultyCollection(self, self._db[name])

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def get_collection(self, name: str, **options: Any) -> Any:
        """As of any database."""
        return _FaultyCollection(self, self._db.get_collection(name, **options))

    async def write(self, send: Send) -> Any:
        """Send a write, well or not."""
        self.writes += 1
        return await (self.fail(send) if self.writes == self._at else send())

    async def fail(self, send: Send) -> Any:
        """What goes wrong."""
        raise NotImplementedError


class Meeting(Faulty):
    """Somebody else does something just before that write."""

    work: Callable[[], Awaitable[object]]

    async def fail(self, send: Send) -> Any:
        await self.work()
        return await send()


class Mortal(Faulty):
    """The worker dies once the write is stored, before it hears of that."""

    async def fail(self, send: Send) -> Any:
        await send()
        raise Crash


class Repeating(Faulty):
    """The store dies with its answer, and forgets whom it owed it: the driver sends the write again."""

    async def fail(self, send: Send) -> Any:
        await send()
        return await send()


class _FaultyCollection:
    def __init__(self, owner: Faulty, collection: AsyncCollection[Record]) -> None:
        self._owner = owner
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        if name not in WRITES:
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            return await self._owner.write(lambda: method(*args, **kwargs))

        return write
