"""What many tests begin with: made once by the code that makes it, then put in again as it was stored."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.clock import now
from models.database import Database, Record
from permissions.builtin import ensure_demo_roles, ensure_policies
from tests.stores import LEFT


@dataclass(frozen=True, slots=True)
class Seed:
    """All that an empty database held afterwards, by collection, and when."""

    at: datetime
    documents: dict[str, list[Record]]


class Seeds:
    """Each is sown into an empty, migrated database."""

    def __init__(self) -> None:
        self._kept: dict[Callable[[], Awaitable[None]], Seed] = {}

    async def sow(self, database: Database, make: Callable[[], Awaitable[None]]) -> None:
        """What `make` makes, as if it had been made now."""
        if seed := self._kept.get(make):
            since = now() - seed.at
            for name, documents in seed.documents.items():
                await database.db[name].insert_many(later(documents, since))
            return
        await make()
        names = set(await database.db.list_collection_names()) - LEFT
        held = {name: await database.db[name].find({}).to_list() for name in sorted(names)}
        self._kept[make] = Seed(now(), {name: documents for name, documents in held.items() if documents})


def later(value: Any, since: timedelta) -> Any:
    """A copy of it whose times are all later by as much."""
    if isinstance(value, dict):
        return {key: later(held, since) for key, held in value.items()}
    if isinstance(value, list):
        return [later(held, since) for held in value]
    return value + since if isinstance(value, datetime) else value


async def demo_rules() -> None:
    """The built-in policies and the demo's roles."""
    await ensure_policies()
    await ensure_demo_roles()


@pytest.fixture(scope="session")
def seeds() -> Seeds:
    """Shared by all tests."""
    return Seeds()
