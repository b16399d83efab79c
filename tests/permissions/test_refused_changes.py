"""What can't be meant is refused with a reason, and nothing is written."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.database import Database
from models.permission_change import PermissionChange
from models.policy import Policy
from models.resource_type import ResourceType
from models.role import RoleAssignment
from models.user import User
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import ChangeError, InvalidChangeError, UnknownError
from permissions.store import PermissionStore
from tests.permissions.people import ALLOW, given, person, role

HOUR = timedelta(hours=1)


@pytest.fixture
def changes(database: Database) -> PermissionChanges:
    return PermissionChanges(PermissionStore())


PAST, FUTURE = now() - HOUR, now() + 24 * HOUR
SATURDAY = datetime(2100, 1, 2, tzinfo=UTC)

Refused = tuple[Callable[[PermissionChanges, User], Awaitable[int]], type[ChangeError], str]

REFUSED: dict[str, Refused] = {
    "an unknown parent": (
        lambda changes, _: changes.put_role(role("r", inherits=("nobody",)), SYSTEM),
        InvalidChangeError,
        "unknown role `nobody`",
    ),
    "a parent twice": (
        lambda changes, _: changes.put_role(role("r", inherits=("a", "a")), SYSTEM),
        InvalidChangeError,
        "twice",
    ),
    "no name for a role": (lambda changes, _: changes.put_role(role(""), SYSTEM), InvalidChangeError, "letter"),
    "a name that is none": (lambda changes, _: changes.put_role(role("a b"), SYSTEM), InvalidChangeError, "letter"),
    "an unknown type": (
        lambda changes, _: changes.put_role(role("r", "spaceship:fly"), SYSTEM),
        InvalidChangeError,
        "unknown type of resource: `spaceship`",
    ),
    "an unknown action": (
        lambda changes, _: changes.put_role(role("r", "conversation:fly"), SYSTEM),
        InvalidChangeError,
        "unknown action: `conversation:fly`",
    ),
    "no pattern": (
        lambda changes, _: changes.put_role(role("r", "conversation:re*"), SYSTEM),
        InvalidChangeError,
        "pattern",
    ),
    "a policy about nothing": (
        lambda changes, _: changes.put_policy(Policy(id="p", effect=ALLOW, actions=[]), SYSTEM),
        InvalidChangeError,
        "no action",
    ),
    "a policy about an unknown action": (
        lambda changes, _: changes.put_policy(Policy(id="p", effect=ALLOW, actions=["user:fly"]), SYSTEM),
        InvalidChangeError,
        "unknown action",
    ),
    "a description without end": (
        lambda changes, _: changes.update_role("a", {"description": "x" * 1_000_000}, SYSTEM),
        InvalidChangeError,
        "longer than",
    ),
    "grants without end": (
        lambda changes, _: changes.put_role(role("r", *["user:read"] * 1_001), SYSTEM),
        InvalidChangeError,
        "more than 1000",
    ),
    "a built-in type": (
        lambda changes, _: changes.put_resource_type(ResourceType(id="message", actions=["read"]), SYSTEM),
        InvalidChangeError,
        "built in",
    ),
    "a level of unknown actions": (
        lambda changes, _: changes.put_resource_type(
            ResourceType(id="t", actions=["read"], levels={"all": ["read", "fly"]}), SYSTEM
        ),
        InvalidChangeError,
        "fly",
    ),
    "an unknown strategy": (
        lambda changes, _: changes.put_resource_type(
            ResourceType(id="t", actions=["read"], strategy="coin_toss"), SYSTEM
        ),
        InvalidChangeError,
        "unknown strategy",
    ),
    "an unknown role for somebody": (
        lambda changes, user: changes.assign(given(user, "nobody"), SYSTEM),
        UnknownError,
        "no such role: `nobody`",
    ),
    "a role for nobody": (
        lambda changes, _: changes.assign(
            RoleAssignment(user_id=PydanticObjectId(), role="a", granted_at=now()), SYSTEM
        ),
        UnknownError,
        "no such user",
    ),
    "an end before the beginning": (
        lambda changes, user: changes.assign(given(user, "a", valid_from=FUTURE, valid_until=FUTURE - HOUR), SYSTEM),
        InvalidChangeError,
        "not after `validFrom`",
    ),
    "an end in the past": (
        lambda changes, user: changes.assign(given(user, "a", valid_until=PAST), SYSTEM),
        InvalidChangeError,
        "past",
    ),
    "a moment without an offset": (
        lambda changes, user: changes.assign(given(user, "a", valid_until=datetime(2100, 1, 1)), SYSTEM),  # noqa: DTZ001
        InvalidChangeError,
        "offset",
    ),
    "a moment beyond the calendar": (
        lambda changes, user: changes.assign(given(user, "a", valid_until=datetime.max.replace(tzinfo=UTC)), SYSTEM),
        InvalidChangeError,
        "between the years",
    ),
    "what is no window": (
        lambda changes, user: changes.assign(given(user, "a", window="nine to five"), SYSTEM),
        InvalidChangeError,
        "is not like",
    ),
    "a window that never opens": (
        lambda changes, user: changes.assign(given(user, "a", window="MO 09:00-09:00 UTC"), SYSTEM),
        InvalidChangeError,
        "never opens",
    ),
    "a window that never opens in its time": (
        lambda changes, user: changes.assign(
            given(
                user,
                "a",
                window="MO-FR 09:00-17:00 Europe/Berlin",
                valid_from=SATURDAY,
                valid_until=SATURDAY + 24 * HOUR,
            ),
            SYSTEM,
        ),
        InvalidChangeError,
        "never opens",
    ),
    "ending what was never given": (
        lambda changes, _: changes.end_assignment(PydanticObjectId(), SYSTEM),
        UnknownError,
        "no such assignment",
    ),
    "changing an unknown role": (
        lambda changes, _: changes.update_role("nobody", {}, SYSTEM),
        UnknownError,
        "no such role",
    ),
    "deleting an unknown role": (lambda changes, _: changes.delete_role("nobody", SYSTEM), UnknownError, "no such"),
    "attributes of nobody": (
        lambda changes, _: changes.set_attributes(PydanticObjectId(), {}, SYSTEM),
        UnknownError,
        "no such user",
    ),
    "attributes that MongoDB can't keep": (
        lambda changes, user: changes.set_attributes(user.id, {"$where": 1}, SYSTEM),
        InvalidChangeError,
        "key",
    ),
    "a reason without end": (
        lambda changes, user: changes.assign(given(user, "a", reason="x" * 10_000), SYSTEM),
        InvalidChangeError,
        "longer than",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_with_a_reason_and_nothing_written(changes: PermissionChanges, name: str) -> None:
    make, kind, reason = REFUSED[name]
    await changes.put_role(role("a"), SYSTEM)
    user = await person("somebody")

    with pytest.raises(kind) as refused:
        await make(changes, user)

    assert reason in str(refused.value)
    assert await PermissionChange.count() == 1
    assert await RoleAssignment.find_all().to_list() == []
