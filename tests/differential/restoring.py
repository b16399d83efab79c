"""A world that is as it was: what an execution wrote is read, and taken back."""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from bson import json_util
from pymongo.asynchronous.database import AsyncDatabase

from tests.differential.calls import unwatched, written_since
from tests.differential.cases import Case
from tests.differential.comparing import Verdict
from tests.differential.executing import Executors
from tests.differential.outcomes import Outcome

NAME: Final = re.compile(r'[A-Za-z0-9_-]{16,}|~[A-Za-z0-9_-]{6}|"nonce": \d+')
"""What is drawn, or made of what is: ids, tokens, digests, marks and nonces."""

ELSEWHERE: Final = frozenset({"audit_blocks", "audit_checkpoints", "migrations", "leases", "trusted_set"})
"""What its writer knows by heart, and would be confused by. How often something is written there is compared."""
RUNS: Final = 2
READS: Final = ("find ", "aggregate ", "count ", "getMore ")

Documents = Mapping[tuple[str, str], Mapping[str, Any]]
"""By the collection and the id."""


@dataclass
class Restored:
    """One world, which is the same before each execution."""

    db: AsyncDatabase[Any]
    before: "Before | None" = None

    async def compare(self, executors: Executors, case: Case, *, compiled_first: bool = False) -> Verdict:
        """What both come to, and write. Where that is not the same, whether graphql-core does the same twice."""
        ways = [executors.by_core, executors.compiled]
        found = [await self._done(way, case) for way in (reversed(ways) if compiled_first else ways)]
        core, compiled = reversed(found) if compiled_first else found
        if not differing(core, compiled):
            return Verdict(core, compiled)
        plain = [await self._done(executors.by_core, case) for _ in range(RUNS)]
        again = [await self._done(executors.compiled, case) for _ in range(RUNS)]
        if differing(*plain):
            return Verdict(core, compiled, raced=True)
        faults = [differing(plain[0], each) for each in again]
        return Verdict(plain[0], again[0], faults[0] if all(faults) else [], raced=True)

    async def is_as_before(self) -> bool:
        """Whether all is taken back, wherever it was written; looks through everything."""
        assert self.before is not None
        await self.before.back()
        return await _read(self.db, await self.db.list_collection_names()) == self.before.stored

    async def _done(self, way: Callable[[Case], Awaitable[Outcome]], case: Case) -> Outcome:
        """With names of its own for what is new."""
        if self.before is None:
            self.before = await Before.of(self.db)
        found = await way(case)
        written = self.before.written(await self.before.back())
        parts = [[found.data], *([str(each) for each in some] for some in (found.errors, found.denied, found.allowed))]
        flat = iter(self.before.numbered([each for some in (*parts, written) for each in some]))
        data, errors, denied, allowed, new = ([next(flat) for _ in some] for some in (*parts, written))
        return replace(
            found, data=data[0], errors=tuple(errors), denied=tuple(denied), allowed=tuple(allowed), written=tuple(new)
        )


def differing(one: Outcome, other: Outcome) -> list[str]:
    """In what; that fewer is read is no difference."""
    writes = [Counter(each for each in some.calls if not each.startswith(READS)) for some in (one, other)]
    names = [each for each in one.differences(other) if each != "calls"]
    return names + (["writes"] if writes[0] != writes[1] else [])


@dataclass(frozen=True)
class Before:
    """All that was stored. What is named there keeps its name; what is new is numbered as it comes up."""

    db: AsyncDatabase[Any]
    stored: Documents
    names: frozenset[str]

    @classmethod
    async def of(cls, db: AsyncDatabase[Any]) -> Self:
        """As it is now."""
        stored = await _read(db, await db.list_collection_names())
        written_since()
        return cls(db, stored, frozenset(NAME.findall(json.dumps([_text(each) for each in stored.values()]))))

    async def back(self) -> Documents:
        """What was written since, which is taken back; what was removed has nothing."""
        written = written_since()
        after = await _read(self.db, written)
        changed = {key: each for key, each in after.items() if self.stored.get(key) != each}
        removed = {key: dict[str, Any]() for key in self.stored if key[0] in written and key not in after}
        with unwatched():
            for collection in written:
                await self._put(collection, [key for key in (*changed, *removed) if key[0] == collection], changed)
        return changed | removed

    async def _put(self, collection: str, keys: list[tuple[str, str]], changed: Documents) -> None:
        """As it was."""
        if new := [changed[key]["_id"] for key in keys if key in changed]:
            await self.db[collection].delete_many({"_id": {"$in": new}})
        if old := [dict(self.stored[key]) for key in keys if key in self.stored]:
            await self.db[collection].insert_many(old)

    def written(self, changed: Documents) -> list[str]:
        """The same as text."""
        return [f"{collection}: {_text(each)}" for (collection, _), each in sorted(changed.items(), key=_place)]

    def numbered(self, texts: Iterable[str]) -> list[str]:
        """The same wherever all is the same but for names that were drawn."""
        numbers: dict[str, str] = {}

        def number(found: re.Match[str]) -> str:
            name = found[0]
            return name if name in self.names else numbers.setdefault(name, f"new {len(numbers)}")

        return [NAME.sub(number, each) for each in texts]


async def _read(db: AsyncDatabase[Any], collections: Iterable[str]) -> Documents:
    return {
        (collection, _text(each["_id"])): each
        for collection in sorted(collections)
        if collection not in ELSEWHERE and not collection.startswith("system.")
        for each in await db[collection].find({}).to_list()
    }


def _text(value: Any) -> str:
    return json_util.dumps(value)


def _place(item: tuple[tuple[str, str], Mapping[str, Any]]) -> tuple[str, str]:
    """Ids that were drawn one after the other are in that order."""
    return item[0]
