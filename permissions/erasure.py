"""Forgetting somebody, as the law may demand: everything of his goes, and what it came to is reported.

First, at once, his account is closed and emptied, and what he wrote is out of everybody's sight. Later, when no write
of his that was under way can arrive any more, the same is looked through again, and his conversations are purged. Each
step may run again; whoever finds an erasure that isn't done goes on with it.

The audit log and the history of permissions keep records in which he stands as an id that leads to nobody any more:
they are chained and numbered, and would be worth nothing if somebody could take records out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models import sharing
from models.answers import Answers
from models.attachments.collecting import forget
from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.erasure import Erasure
from models.lease import lease
from models.role import RoleAssignment
from models.share import user_grantee
from models.tree import MessageTree
from models.user import User
from permissions.administration import Administration
from permissions.audit.events import Target
from permissions.changes import SYSTEM, Changer
from permissions.errors import ConflictingError, InvalidChangeError, UnknownError

ERASED: Final = "user.erased"
GRACE: Final = timedelta(seconds=20)
"""Every write that began before the account was closed has ended by then: database calls take ten seconds at most."""
EMPTY: Final[Record] = {
    "display_name": "erased account",
    "name_key": "erased account",
    "password_hash": "",
    "client_secret": None,
    "password_changed_at": None,
    "password_expires_at": None,
    "must_change_password": False,
    "disabled": True,
    "attributes": {},
}


@dataclass(frozen=True, slots=True)
class Eraser:
    """One a worker, or a command."""

    db: AsyncDatabase[Record]
    tree: MessageTree
    administration: Administration
    grace: timedelta = GRACE

    async def erase(self, user_id: PydanticObjectId, by: Changer, reason: str | None = None) -> Erasure:
        """Begin, or go on. Raise `EscalationError`, `LastSuperAdminError` …: then nothing is done."""
        if user_id == by.user_id:
            raise InvalidChangeError("userId", "is your own account: somebody else has to erase it")
        if await User.find_one({"_id": user_id}) is None:
            raise UnknownError("user", str(user_id))
        sessions = len(await self.administration.credentials.endings.sessions.of(user_id))
        await self.administration.disable(user_id, by, reason)
        request = {"requested_at": now(), "by": by.user_id, "sessions": sessions, "messages": 0, "done_at": None}
        await self.db.erasures.update_one({"_id": user_id}, {"$setOnInsert": request}, upsert=True)
        # Who may close the account may do the rest: no question of escalation comes up half-way.
        await self._go_on(await self.report(user_id), Changer(None, by.origin))
        return await self.report(user_id)

    async def report(self, user_id: PydanticObjectId) -> Erasure:
        """How far it is. Raise `UnknownError` where nobody asked for it."""
        erasure = await Erasure.find_one({"_id": user_id})
        if erasure is None:
            raise UnknownError("erasure", str(user_id))
        return erasure

    async def resume(self) -> int:
        """Go on with all that are not done; how many are done now."""
        waiting = [erasure async for erasure in Erasure.find({"done_at": None})]
        for erasure in waiting:
            await self._go_on(erasure, SYSTEM)
        return len(waiting) - await Erasure.find({"done_at": None}).count()

    async def _go_on(self, erasure: Erasure, by: Changer) -> None:
        """As far as it goes now, unless another worker is at it: two at once would count messages twice."""
        name = f"erase {sha256(erasure.id.binary).hexdigest()[:16]}"  # nothing of him is left, his id neither
        async with lease(self.db, name) as held:
            if held:
                await self._work(await self.report(erasure.id), by)

    async def _work(self, erasure: Erasure, by: Changer) -> None:
        if erasure.done_at is not None:
            return
        await self._empty_account(erasure, by)
        await sharing.forget(self.db, user_grantee(erasure.id))
        await self._close_conversations(erasure)
        last = now() >= erasure.requested_at + self.grace
        await self._erase_messages(erasure, last=last)
        if last:
            await self._finish(erasure, by)

    async def _empty_account(self, erasure: Erasure, by: Changer) -> None:
        changes, user_id = self.administration.changes, erasure.id
        held = [each async for each in RoleAssignment.find({"user_id": user_id, "ended_at": None})]
        await self._count(user_id, "assignments", len(held))
        for assignment in held:
            try:
                await changes.end_assignment(assignment.id, by)
            except ConflictingError:
                continue  # somebody else has ended it
        await changes.set_attributes(user_id, {}, by)
        nobody = f"erased-{user_id}"
        await self.db.users.update_one({"_id": user_id}, {"$set": {**EMPTY, "email": nobody, "email_key": nobody}})

    async def _close_conversations(self, erasure: Erasure) -> None:
        """They wait for the end of the grace: a write under way would leave a piece of what is purged."""
        owned = [each async for each in self._owned(erasure.id)]
        await self._count(erasure.id, "conversations", len(owned))
        for id_ in owned:
            found = await self.db.conversations.find_one({"_id": id_})
            if found is not None:
                conversation = Conversation.model_validate(found)
                await self.tree.close(conversation, erasure.by, due_at=erasure.requested_at + self.grace)

    async def _owned(self, user_id: PydanticObjectId) -> AsyncIterator[PydanticObjectId]:
        async for record in self.db.conversations.find({"owner_id": user_id}, {"_id": 1}):
            yield record["_id"]

    async def _erase_messages(self, erasure: Erasure, *, last: bool) -> None:
        """In the conversations where he is noted as a reader: whoever writes is, before he does."""
        async for reader in self.db.readers.find({"user_id": erasure.id}):
            number = await self.tree.count_author(reader["conversation_id"], erasure.id)
            kept = {"$ifNull": ["$erasing", number]}
            await self.db.readers.update_one({"_id": reader["_id"]}, [{"$set": {"erasing": kept}}])
            place = f"{int(last)}:{reader['_id']}"
            counted = {"$eq": ["$counted", place]}
            total = {"$cond": [counted, "$messages", {"$add": ["$messages", reader.get("erasing", number)]}]}
            await self.db.erasures.update_one({"_id": erasure.id}, [{"$set": {"messages": total, "counted": place}}])
            await self.tree.erase_author(reader["conversation_id"], erasure.id)
            if last:
                await self.db.readers.delete_one({"_id": reader["_id"]})
            else:
                await self.db.readers.update_one({"_id": reader["_id"]}, {"$unset": {"erasing": ""}})

    async def _finish(self, erasure: Erasure, by: Changer) -> None:
        await self.tree.purge_due()
        await forget(self.db, erasure.id)
        await Answers(self.db).forget_asker(erasure.id)
        if await self.db.conversations.find_one({"owner_id": erasure.id}, {"_id": 1}):
            return
        report = await self.report(erasure.id)
        await self.administration.tell(ERASED, by.origin, Target("user", erasure.id))
        if report.done_at is None:
            await self.db.erasures.update_one({"_id": erasure.id}, {"$set": {"done_at": now()}})

    async def _count(self, user_id: PydanticObjectId, name: str, number: int) -> None:
        """Note a number once: the next try would find less."""
        await self.db.erasures.update_one({"_id": user_id}, [{"$set": {name: {"$ifNull": [f"${name}", number]}}}])
