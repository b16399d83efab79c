"""The register of trusted documents: what changes it is judged first, written whole or not at all, and told."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from beanie import PydanticObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from models.clock import now
from models.database import Record
from models.trusted_document import ALL, TrustedDocument, TrustedSet
from permissions.audit.events import Origin, Target
from permissions.audit.log import AuditLog
from permissions.errors import ConflictingError, InvalidChangeError
from permissions.operations.manifest import Entry
from permissions.resources import OPERATION

REGISTERED: Final = "operations.registered"
REMOVED: Final = "operations.removed"
MOST_DOCUMENTS: Final = 10_000
MOST_CHARACTERS: Final = 8 * 1024 * 1024
"""Of all texts together: each worker keeps them in memory."""
LONGEST_CLIENT: Final = 100
TOLD: Final = 100
"""Ids to a record of the audit log."""


class Judge(Protocol):
    """The schema knows what may be asked."""

    def flaw(self, text: str) -> str | None:
        """What is wrong with a document, by its limits or the schema; None if it is sound."""

    def name(self, text: str) -> str | None:
        """Of the one operation of a sound document, if it has one."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a document is not taken, or can't be run any more."""

    id: str
    reason: str


class FlawedManifestError(InvalidChangeError):
    """`flaws` are those of all its documents."""

    def __init__(self, flaws: Sequence[Flaw], documents: int) -> None:
        first = flaws[0]
        reason = f"nothing was registered: {len(flaws)} of {documents} documents are not sound; `{first.id}`: "
        super().__init__("manifest", reason + first.reason[:300])
        self.flaws = tuple(flaws)


@dataclass(frozen=True, slots=True)
class Registered:
    """How many are new, and how many were there already."""

    added: int
    known: int


class OperationRegister:
    """One a worker, or a command. Without `log` nothing is written down."""

    def __init__(self, log: AuditLog | None = None) -> None:
        self._log: Final = log

    async def register(
        self, entries: Sequence[Entry], judge: Judge, by: Origin, *, client: str | None = None
    ) -> Registered:
        """Trust these documents, all or none. Raise `FlawedManifestError`, or `ConflictingError` where there is no
        room, or an id has another text.
        """
        if client is not None and not (0 < len(client) <= LONGEST_CLIENT and client.isprintable()):
            raise InvalidChangeError("client", f"must be 1 to {LONGEST_CLIENT} printable characters")
        if flaws := [Flaw(each.id, reason) for each in entries if (reason := judge.flaw(each.text)) is not None]:
            raise FlawedManifestError(flaws, len(entries))
        await _begin()
        added = await _in_transaction(lambda session: _add(entries, judge, client, by, session))
        await self._tell(REGISTERED, [each.id for each in added], by, client)
        return Registered(len(added), len(entries) - len(added))

    async def remove(self, ids: Iterable[str], by: Origin) -> int:
        """Trust them no more; how many there were. Every worker refuses them within a second."""
        gone = await _in_transaction(lambda session: _drop(list(set(ids)), session))
        await self._tell(REMOVED, gone, by)
        return len(gone)

    async def revision(self) -> int:
        """Of the last change; 0 before the first."""
        found = await TrustedSet.find_one({"_id": ALL})
        return 0 if found is None else found.revision

    async def all(self) -> list[TrustedDocument]:
        """Every one, by its id."""
        return sorted(await TrustedDocument.find_all().to_list(), key=lambda each: each.id)

    async def _tell(self, kind: str, ids: Sequence[str], by: Origin, client: str | None = None) -> None:
        for start in range(0, len(ids) if self._log else 0, TOLD):
            told: Record = {"ids": ids[start : start + TOLD], **({"client": client} if client else {})}
            before, after = (told, None) if kind == REMOVED else (None, told)
            if self._log is not None:
                await self._log.write(kind, by, Target(OPERATION), before, after)


def flaws(documents: Iterable[TrustedDocument], judge: Judge) -> Iterator[Flaw]:
    """Those that can't be run any more, since the schema or the limits have changed."""
    for each in documents:
        if (reason := judge.flaw(each.text)) is not None:
            yield Flaw(each.id, reason)


async def _begin() -> None:
    """Have the set there: two transactions that both would put it in are no conflict everywhere, but an error."""
    nothing = {"revision": 0, "documents": 0, "characters": 0}
    await TrustedSet.get_pymongo_collection().update_one({"_id": ALL}, {"$setOnInsert": nothing}, upsert=True)


async def _in_transaction(work: Callable[[AsyncClientSession], Any]) -> list[Any]:
    """`work` may be done again, where others change the set at the same time."""
    client = TrustedSet.get_pymongo_collection().database.client
    async with client.start_session() as session:
        done: list[Any] = await session.with_transaction(work)
        return done


async def _add(
    entries: Sequence[Entry], judge: Judge, client: str | None, by: Origin, session: AsyncClientSession
) -> list[TrustedDocument]:
    """Those that were not there."""
    stored = TrustedDocument.find({"_id": {"$in": [each.id for each in entries]}}, session=session)
    known = {each.id: each.text async for each in stored}
    if differing := [each.id for each in entries if known.get(each.id, each.text) != each.text]:
        raise ConflictingError(f"`{differing[0]}` is registered with another text: give that another id, or remove it")
    new = [_document(each, judge.name(each.text), client, by) for each in entries if each.id not in known]
    if new:
        _require_room(await _change(len(new), sum(len(each.text) for each in new), session))
        await TrustedDocument.insert_many(new, session=session)
    return new


async def _drop(ids: list[str], session: AsyncClientSession) -> list[str]:
    """Those that were there."""
    found = await TrustedDocument.find({"_id": {"$in": ids}}, session=session).to_list()
    if found:
        await _change(-len(found), -sum(len(each.text) for each in found), session)
        await TrustedDocument.find({"_id": {"$in": [each.id for each in found]}}, session=session).delete()
    return sorted(each.id for each in found)


async def _change(documents: int, characters: int, session: AsyncClientSession) -> TrustedSet | None:
    """Count them; what there is now. Two changes at once write the same document, so that one of them is done again."""
    sets = TrustedSet.get_pymongo_collection()
    more = {"revision": 1, "documents": documents, "characters": characters}
    await sets.update_one({"_id": ALL}, {"$inc": more}, session=session)
    return await TrustedSet.find_one({"_id": ALL}, session=session)


def _require_room(after: TrustedSet | None) -> None:
    if after is not None and (after.documents > MOST_DOCUMENTS or after.characters > MOST_CHARACTERS):
        raise ConflictingError(
            f"there is no room: {MOST_DOCUMENTS:,} documents of {MOST_CHARACTERS:,} characters may be registered"
        )


def _document(entry: Entry, name: str | None, client: str | None, by: Origin) -> TrustedDocument:
    whose = PydanticObjectId(by.user_id) if by.user_id is not None else None
    return TrustedDocument(
        id=entry.id,
        text=entry.text,
        sha256=entry.sha256,
        name=name,
        client=client,
        registered_at=now(),
        registered_by=whose,
    )
