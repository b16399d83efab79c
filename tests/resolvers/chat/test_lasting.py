"""For how long a right is good by itself: until the moment that a rule names, or a second where none can be known."""

from datetime import UTC, datetime, timedelta

import pytest
from beanie import PydanticObjectId

from models.conversation import Conversation
from models.database import Database
from permissions.access import Access
from permissions.engine.facts import Assignment, Env, Subject
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from resolvers.chat.following import SECOND, lasting
from resolvers.live.known import Followed

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("condition", "role_ends", "deadline", "until"),
    [
        (None, None, None, None),
        (None, HOUR, HOUR, HOUR),
        ('env.time < timestamp("2026-11-26T13:00:00Z")', None, HOUR, SECOND),
        ('env.time < timestamp("2026-11-26T13:00:00Z")', 60.0, 60.0, SECOND),
        ('env.time < timestamp("2026-11-26T12:00:00.4Z")', HOUR, 0.4, 0.4),
        ('env.time <= timestamp("2026-11-26T12:00:00Z")', None, 0.001, 0.001),
        ('env.time < timestamp("2026-11-26T12:00:00.030Z")', 0.02, 0.02, 0.02),
        ('env.time > timestamp("2026-11-26T11:00:00Z")', None, None, SECOND),
        ("env.session_age < 3600", None, HOUR - 101, SECOND),
        ("env.time.getHours() < 13", None, SECOND, SECOND),
    ],
)
async def test_how_long_a_right_is_good(
    database: Database, condition: str | None, role_ends: float | None, deadline: float | None, until: float | None
) -> None:
    """An event is told by the right of its own moment, so `until` is never later than the deadline."""
    actions = ("conversation:read", "message:read")
    roles = [Role("reader", grants=tuple(Grant(Effect.ALLOW, action, condition) for action in actions))]
    ends = None if role_ends is None else NOON + timedelta(seconds=role_ends)
    subject = Subject("u", (Assignment("reader", valid_until=ends),))
    access = Access(Snapshot(roles), subject, Env(NOON, {"session_age": 100}))
    conversation = Conversation(owner_id=PydanticObjectId(), slot_width=1, started_at=NOON, updated_at=NOON)
    assert lasting(access, Followed.of(conversation)) == (deadline, until)
