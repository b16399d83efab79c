"""The queue of answers that were asked for: taken by one worker at a time, for as long as its lease is renewed.

Each write names one request by its id, and changes it only if it is as expected; whoever wrote reads it again. So it
does no harm if a write is sent twice.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.answer import WAIT, AnswerFailure, AnswerRequest, AnswerState
from models.clock import now
from models.database import Record

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
RUNNING: Final = AnswerState.RUNNING.value


class Answers:
    """Those of all conversations. Give each worker a name of its own, and a new one for each request that it takes."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._requests = db["answers"]

    async def ask(self, request: AnswerRequest) -> tuple[AnswerRequest, bool]:
        """Have it answered, and return it with whether it is new: it may have been asked for before."""
        try:
            await self._requests.insert_one(request.model_dump(by_alias=True, exclude_none=True) | {"_id": request.id})
        except DuplicateKeyError:
            if (found := await self.find(request.id)) is not None:
                return found, False
        return request, True

    async def withdraw(self, request: AnswerRequest) -> None:
        """It was never asked for; where somebody has taken it already, it is cancelled."""
        await self._requests.update_one(
            {"_id": request.id}, _changes(_is("state", AnswerState.QUEUED.value), state="withdrawn", due_at=None)
        )
        found = await self._requests.find_one({"_id": request.id})
        if found is not None and found["state"] == "withdrawn":
            await self._requests.delete_one({"_id": request.id})
        elif found is not None:
            await self.cancel(request.id)

    async def find(self, id: str) -> AnswerRequest | None:
        """By its id."""
        found = await self._requests.find_one({"_id": id})
        return AnswerRequest.model_validate(found) if found and found["state"] != "withdrawn" else None

    async def latest(self, conversation_id: PydanticObjectId, messages: Collection[str]) -> dict[str, AnswerRequest]:
        """The newest request for an answer to each of these messages, where there is one."""
        query = {"conversation_id": conversation_id, "message": {"$in": list(messages)}}
        newest: dict[str, AnswerRequest] = {}
        async for found in self._requests.find(query):
            if found["state"] == "withdrawn":
                continue
            request = AnswerRequest.model_validate(found)
            if request.message not in newest or newest[request.message].number < request.number:
                newest[request.message] = request
        return newest

    async def waiting(self, asker_id: PydanticObjectId, most: int) -> int:
        """How many that he asked for are not over, `most` at most."""
        query = {"asker_id": asker_id, "due_at": {"$gt": now() - WAIT}}
        return len(await self._requests.find(query, {"_id": 1}).limit(most).to_list())

    async def asked(self, asker_id: PydanticObjectId, since: datetime, most: int) -> int:
        """How many he asked for since then, `most` at most."""
        query = {"asker_id": asker_id, "asked_at": {"$gt": since}}
        return len(await self._requests.find(query, {"_id": 1}).limit(most).to_list())

    async def due(self, at: datetime, most: int) -> dict[str, PydanticObjectId]:
        """Those that are to be taken, by whom they were asked for: they wait, or their worker has fallen silent.

        As many as `most`, who has waited longest first.
        """
        found = self._requests.find({"due_at": {"$lt": at}}, {"asker_id": 1}).sort("due_at").limit(most)
        return {each["_id"]: each["asker_id"] async for each in found}

    async def claim(self, id: str, worker: str, until: datetime) -> AnswerRequest | None:
        """Take it, if nobody else has; its state is then what it was before."""
        at = now()
        before = await self.find(id)
        due = {"$lt": [{"$ifNull": ["$due_at", FOREVER]}, at]}
        tries = {"$add": ["$tries", 1]}
        update = _changes(due, state=RUNNING, worker=worker, due_at=until)
        update[0]["$set"]["tries"] = {"$cond": [due, tries, "$tries"]}
        await self._requests.update_one({"_id": id}, update)
        found = await self.find(id)
        if before is None or found is None or found.worker != worker:
            return None
        found.state, found.due_at = before.state, before.due_at
        return found

    async def hold(self, id: str, worker: str, **fields: Any) -> bool:
        """Write these fields, if it is still the worker's to answer, and return whether it is."""
        mine = {"$and": [_is("worker", worker), _is("state", RUNNING)]}
        await self._requests.update_one({"_id": id}, _changes(mine, **fields))
        found = await self.find(id)
        return found is not None and found.worker == worker and found.state is AnswerState.RUNNING

    async def put_back(self, id: str, worker: str, due_at: datetime) -> None:
        """Somebody may try again, from then on."""
        mine = {"$and": [_is("worker", worker), _is("state", RUNNING)]}
        fields = {"state": AnswerState.QUEUED.value, "due_at": due_at, "worker": None}
        await self._requests.update_one({"_id": id}, _changes(mine, **fields))

    async def end(self, id: str, worker: str, state: AnswerState, reason: AnswerFailure | None = None) -> bool:
        """That is what became of it, if it is still the worker's; whether it was."""
        mine = {"$and": [_is("worker", worker), _is("state", RUNNING)]}
        await self._requests.update_one({"_id": id}, _changes(mine, **_ending(state, reason)))
        found = await self.find(id)
        return found is not None and found.worker == worker and found.state is state

    async def cancel(self, id: str) -> AnswerRequest | None:
        """Nobody wants it any more; it stays what it is where it is over. Its worker finds out."""
        open_ = {"$lt": [{"$ifNull": ["$due_at", FOREVER]}, FOREVER]}
        await self._requests.update_one({"_id": id}, _changes(open_, **_ending(AnswerState.CANCELLED, None)))
        return await self.find(id)

    async def forget_asker(self, asker_id: PydanticObjectId) -> None:
        """Nothing is left of what he asked for; the answers themselves are messages."""
        await self._requests.delete_many({"asker_id": asker_id})


def _ending(state: AnswerState, reason: AnswerFailure | None) -> Record:
    return {
        "state": state.value,
        "reason": reason and reason.value,
        "due_at": None,
        "circumstances": None,
        "ended_at": now(),
    }


def _is(field: str, value: object) -> Record:
    return {"$eq": [f"${field}", value]}


def _changes(condition: Mapping[str, Any], **fields: Any) -> list[Record]:
    """The update that writes these fields where the condition holds; None takes a field away.

    The condition is looked at once, before anything is changed.
    """
    values = {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in fields.items()}
    kept = {
        name: {"$cond": [condition, value, {"$ifNull": [f"${name}", "$$REMOVE"]}]} for name, value in values.items()
    }
    return [{"$set": kept}]
