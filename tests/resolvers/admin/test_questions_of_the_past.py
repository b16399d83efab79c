"""Questions about another moment than now: answered from the history."""

from datetime import timedelta
from typing import Any

from models.clock import now
from tests.resolvers.admin.test_questions import CHECK, EFFECTIVE, WHO, effects, gid
from tests.served import Caller, Served

ASSIGN = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { assignment { id } } }"
END = "mutation ($input: EndRoleAssignmentInput!) { endRoleAssignment(input: $input) { assignment { endedAt } } }"
UPDATE = "mutation ($input: RoleInput!) { updateRole(input: $input) { permissionsToken } }"
SALES = {"type": "sales_data"}


async def holders(caller: Caller, **variables: Any) -> set[str]:
    answer = await caller.ask(WHO, action="sales_data:write", resource=SALES, first=100, **variables)
    return {edge["node"]["user"]["displayName"] for edge in answer.data["whoHasAccess"]["edges"]}


async def test_a_role_that_was_given_and_taken_is_seen_at_its_own_time(served: Served) -> None:
    admin, guest = await served.as_("admin"), gid(served.people["guest"])
    until = now() + timedelta(minutes=1)
    before = now() - timedelta(milliseconds=1)
    given = await admin.ask(ASSIGN, input={"userId": guest, "role": "analyst", "validUntil": until.isoformat()})
    while (during := now()) <= before + timedelta(milliseconds=2):
        pass

    told = (await admin.ask(EFFECTIVE, userId=guest, resourceType="sales_data")).data["effectivePermissions"]
    write = next(each for each in told["permissions"] if each["action"] == "sales_data:write")
    assert (write["effect"], write["via"]) == ("ALLOW", [["analyst"]])
    assert write["rules"][0]["paths"][0]["validity"][0]["validUntil"] == until.isoformat()
    assert "Guest" in await holders(admin)
    after = (until + timedelta(seconds=1)).isoformat()
    assert (await effects(admin, userId=guest, at=after))["sales_data:write"] == "DENY", "it ends by itself"
    assert "Guest" not in await holders(admin, at=after)

    await admin.ask(END, input={"assignmentId": given.data["assignRole"]["assignment"]["id"]})

    assert "Guest" not in await holders(admin)
    for at, effect in ((before, "DENY"), (during, "ALLOW"), (None, "DENY")):
        found = await effects(admin, userId=guest, **({"at": at.isoformat()} if at else {}))
        assert found["sales_data:write"] == effect, at
    assert "Guest" in await holders(admin, at=during.isoformat())
    asked = {"action": "sales_data:write", "resource": SALES, "userId": guest}
    then = {**asked, "environment": {"time": during.isoformat()}}
    assert [(await admin.ask(CHECK, input=each)).data["checkPermission"]["allowed"] for each in (asked, then)] == [
        False,
        True,
    ]


async def test_rules_of_the_past_decide_questions_of_the_past(served: Served) -> None:
    root, john = await served.as_("root"), gid(served.people["john"])
    before = now()
    while now() <= before:
        pass
    assert (await effects(root, userId=john))["sales_data:write"] == "DENY"
    await root.ask(UPDATE, input={"name": "report_viewer", "grants": [{"action": "report:read"}]})

    assert (await effects(root, userId=john))["sales_data:write"] == "ALLOW"
    assert (await effects(root, userId=john, at=before.isoformat()))["sales_data:write"] == "DENY"


async def test_a_moment_needs_an_offset(served: Served) -> None:
    admin = await served.as_("admin")

    assert (await admin.ask(EFFECTIVE, at="2026-03-02T12:00:00")).codes == ["BAD_USER_INPUT"]
