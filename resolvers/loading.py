"""Loading that others wait for, too: who gives up waiting takes it from nobody."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from strawberry.dataloader import DataLoader

K = TypeVar("K")
T = TypeVar("T")


class SharedLoader(DataLoader[K, T]):
    """Where a field fails that may not be null, those beside it are cancelled, and what they wait for with them.

    What they load may be loaded for others of the same answer: to be cancelled by that would end the whole request.
    """

    def load(self, key: K) -> Awaitable[T]:
        """What there is for `key`."""
        loading = super().load(key)
        return loading if isinstance(loading, asyncio.Future) and loading.done() else asyncio.shield(loading)

    def load_many(self, keys: Iterable[K]) -> Awaitable[list[T]]:
        """In the order of `keys`."""
        return asyncio.gather(*map(self.load, keys))
