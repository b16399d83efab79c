"""Denials that nobody was told of are counted, whatever else waits to be written down."""

from typing import Any, cast

from models.clock import now
from permissions.audit.events import SYSTEM, Origin, Target, change
from permissions.audit.forgone import FORGONE, Forgone
from permissions.audit.writer import Writer


async def test_denials_of_who_has_filled_the_queue_are_counted_once_there_is_room() -> None:
    writer = Writer(cast(Any, None), cast(Any, None), cast(Any, None), delay=60, queue=2)  # it never writes
    forgone, by = Forgone(writer), Origin("mallory")
    assert writer.offer([lambda: change("allowed", SYSTEM, Target("conversation"))] * 2) == 2
    assert writer.full
    forgone.add(by, 500)
    assert [each["kind"] for each in writer._next(10)] == ["allowed"] * 2, "and nothing is said to be lost"
    forgone.add(by, 7)
    forgone.add(by, 3)
    records = writer._next(10)
    assert [(each["kind"], each["reason"].partition(" ")[0]) for each in records] == [(FORGONE, "510")]
    assert records[0]["at"] <= now()
    forgone.add(by, 1)
    assert [each["reason"].partition(" ")[0] for each in writer._next(10)] == ["1"]
    writer._stop_timer()
