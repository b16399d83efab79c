"""What a change of the rules would flip, asked over HTTP before it is made."""

from typing import Any

import pytest

from tests.resolvers.admin.test_questions import SIMULATE, check, gid
from tests.served import Served


async def test_a_simulation_lists_what_flips_and_changes_nothing(served: Served) -> None:
    admin, john, bob = await served.as_("admin"), gid(served.people["john"]), gid(served.people["bob"])
    write: dict[str, Any] = {"action": "sales_data:write", "resource": {"type": "sales_data"}}
    questions = [{**write, "userId": john}, {**write, "userId": bob}]

    for change, flipped in (
        ({"endRole": {"userId": john, "role": "report_viewer"}}, [(0, True)]),
        ({"deleteRole": "report_viewer"}, [(0, True)]),
        ({"assignRole": {"userId": bob, "role": "report_viewer"}}, [(1, False)]),
        ({"addGrant": {"role": "guest", "grant": {"action": "sales_data:write"}}}, []),
        ({"removeGrant": {"role": "analyst", "grant": {"action": "sales_data:read_write"}}}, [(1, False)]),
        ({"putPolicy": {"name": "freeze", "effect": "DENY", "actions": ["sales_data:write"]}}, [(1, False)]),
        ({"putRole": {"name": "report_viewer", "grants": [{"action": "report:read"}]}}, [(0, True)]),
    ):
        told = (await admin.ask(SIMULATE, change=change, questions=questions)).data["simulate"]
        assert told["asked"] == 2
        assert [(each["question"], each["after"]["allowed"]) for each in told["flips"]] == flipped, change
    assert not (await check(admin, **write, userId=john)).data["checkPermission"]["allowed"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"deleteRole": "ghost"},
        {"addGrant": {"role": "ghost", "grant": {"action": "sales_data:read"}}},
        {"addGrant": {"role": "guest", "grant": {"action": "sales_data:fly"}}},
        {"addGrant": {"role": "guest", "grant": {"action": "sales_data:read", "condition": "user.region =="}}},
        {"putRole": {"name": "guest", "inherits": ["super_admin"]}},
        {"putRole": {"name": "x", "inherits": ["ghost"]}},
        {"putPolicy": {"name": "p", "effect": "DENY", "actions": []}},
        {"switchOffPolicy": "ghost"},
        {"assignRole": {"userId": "x", "role": "guest"}},
        {"deleteRole": "guest", "addGrant": {"role": "guest", "grant": {"action": "sales_data:read"}}},
        {"deleteRole": "guest", "removeGrant": {"role": "guest", "grant": {"action": "sales_data:read"}}},
    ],
)
async def test_a_change_that_can_not_be_is_not_simulated(served: Served, change: dict[str, Any]) -> None:
    admin = await served.as_("admin")

    assert (await admin.ask(SIMULATE, change=change, questions=[])).codes == ["BAD_USER_INPUT"]


async def test_a_condition_is_simulated_as_it_is_written(served: Served) -> None:
    admin, bob = await served.as_("admin"), gid(served.people["bob"])
    asked = {
        "action": "report:read",
        "resource": {"type": "report", "attributes": {"region": "US-West"}},
        "userId": bob,
    }
    far = {**asked, "resource": {"type": "report", "attributes": {"region": "EMEA"}}}
    grant = {"action": "report:read", "condition": "resource.region == user.region"}

    told = await admin.ask(SIMULATE, change={"addGrant": {"role": "analyst", "grant": grant}}, questions=[asked, far])

    assert [each["question"] for each in told.data["simulate"]["flips"]] == [0]
