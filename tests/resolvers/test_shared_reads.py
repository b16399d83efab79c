"""Requests that come together read together, and each is judged by himself."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from beanie import PydanticObjectId

from models.database import Record
from tests.served import Caller, Served

ASKED = (
    "query($id: ID!) { conversation(id: $id) { title owner { displayName } messages(last: 1) { edges { cursor } } } }"
)
START = "mutation($t: String) { startConversation(input: {title: $t}) { conversation { id } } }"


async def test_of_two_who_ask_at_once_each_sees_what_he_sees_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = [await served.as_(name) for name in ("john", "alice", "admin")]
    ids = [await _started(caller, f"of {n}") for n, caller in enumerate(callers)]
    asking = [(caller, id_) for caller in callers for id_ in ids]
    alone = [await caller.ask(ASKED, id=id_) for caller, id_ in asking]
    assert len({str(each.body) for each in alone}) > len(ids)  # some may not see what others see
    calls: list[int] = []
    reads = served.services.tree.conversations
    inner = reads._read

    async def counted(keys: Collection[PydanticObjectId]) -> Mapping[PydanticObjectId, Record]:
        calls.append(len(keys))
        return await inner(keys)

    monkeypatch.setattr(reads, "_read", counted)
    together = await asyncio.gather(*(caller.ask(ASKED, id=id_) for caller, id_ in asking))
    assert [each.body for each in together] == [each.body for each in alone]
    assert len(calls) < len(asking)


async def _started(caller: Caller, title: str) -> str:
    started: str = (await caller.ask(START, t=title)).data["startConversation"]["conversation"]["id"]
    return started
