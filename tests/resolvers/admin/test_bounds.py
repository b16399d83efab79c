"""Attacks on the questions: times at the ends of the calendar, floods, and what is long."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from permissions.questions.explanation import MOST_ENTRIES
from resolvers.ids import encode
from tests.served import Answer, Served

AUDIT = """query ($from: DateTime, $until: DateTime) {
  auditEvents(filter: {from: $from, until: $until}) { edges { cursor } } }"""
EFFECTIVE = """query ($at: DateTime, $type: String, $first: Int, $after: String) {
  effectivePermissions(at: $at, resourceType: $type, first: $first, after: $after) {
    permissions { action } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
HOLDERS = """query ($at: DateTime) { whoHasAccess(at: $at, action: "report:read", resource: {type: "report"}) {
  edges { cursor } } }"""
CHECK = "query ($input: PermissionQuestion!) { checkPermission(input: $input) { allowed } }"
CHECKS = "query ($input: [PermissionQuestion!]!) { checkPermissions(input: $input) { allowed } }"
EXPLAIN = "query ($input: PermissionQuestion!) { explainDecision(input: $input) { words trace { rule decided } } }"
REPLAY = """query ($from: DateTime, $until: DateTime) {
  replay(change: {deleteRole: "guest"}, overLog: {from: $from, until: $until}) { considered } }"""
SIMULATE = """query ($change: ChangeInput!) { simulate(change: $change, questions: []) { asked } }"""
READ_REPORT = {"action": "report:read", "resource": {"type": "report"}}

LATE, EARLY = "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"


def at(time: str) -> dict[str, Any]:
    return {**READ_REPORT, "environment": {"time": time}}


@pytest.mark.parametrize("time", [LATE, EARLY, "9999-12-31T23:59:59Z"])
async def test_a_time_that_cant_be_stored_is_refused_everywhere(served: Served, time: str) -> None:
    root = await served.as_("root")
    given = {"userId": encode("User", root.user.id if root.user else ""), "role": "guest"}
    answers: dict[str, Answer] = {
        "audit from": await root.ask(AUDIT, **{"from": time}),
        "audit until": await root.ask(AUDIT, until=time),
        "effective": await root.ask(EFFECTIVE, at=time),
        "holders": await root.ask(HOLDERS, at=time),
        "check": await root.ask(CHECK, input=at(time)),
        "explain": await root.ask(EXPLAIN, input=at(time)),
        "replay from": await root.ask(REPLAY, **{"from": time}),
        "replay until": await root.ask(REPLAY, until=time),
        "simulate from": await root.ask(SIMULATE, change={"assignRole": {**given, "validFrom": time}}),
        "simulate until": await root.ask(SIMULATE, change={"assignRole": {**given, "validUntil": time}}),
    }
    assert {name: answer.codes for name, answer in answers.items()} == {name: ["BAD_USER_INPUT"] for name in answers}
    assert all("is not a time that can be stored" in str(answer.body) for answer in answers.values())


async def test_a_time_without_an_offset_is_no_assignment_to_try(served: Served) -> None:
    root = await served.as_("root")
    change = {"assignRole": {"userId": encode("User", "0" * 24), "role": "guest", "validUntil": "2030-01-01T00:00:00"}}
    refused = await root.ask(SIMULATE, change=change)
    assert refused.codes == ["BAD_USER_INPUT"]
    assert "needs an offset" in str(refused.body)


async def test_effective_permissions_come_in_pages(served: Served) -> None:
    john = await served.as_("john")
    whole = (await john.ask(EFFECTIVE)).data["effectivePermissions"]
    assert (whole["pageInfo"]["hasNextPage"], whole["pageInfo"]["hasPreviousPage"]) == (False, False)
    found: list[str] = []
    after, more = None, True
    while more:
        page = (await john.ask(EFFECTIVE, first=15, after=after)).data["effectivePermissions"]
        names = [each["action"] for each in page["permissions"]]
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]) == (names[0], after is not None)
        found += names
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert found == [each["action"] for each in whole["permissions"]]
    assert (await john.ask(EFFECTIVE, first=201)).codes == (await john.ask(EFFECTIVE, first=-1)).codes
    assert (await john.ask(EFFECTIVE, first=201)).codes == ["BAD_USER_INPUT"]
    nothing = (await john.ask(EFFECTIVE, first=0, after="zzz")).data["effectivePermissions"]
    assert nothing == {
        "permissions": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    }


async def test_one_request_asks_so_much_and_no_more(served: Served) -> None:
    """Aliases multiply what a document asks; each is counted, whoever asks, and the next request begins anew."""
    john = await served.as_("john")
    asked = '(input: {action: "report:read", resource: {type: "report"}})'
    long = " ".join(f"a{n}: explainDecision{asked} {{ strategy }}" for n in range(30))
    assert set((await john.ask(f"{{ {long} }}")).codes) == {"QUERY_TOO_COMPLEX"}

    many = " ".join(f"a{n}: checkPermissions(input: $input) {{ allowed }}" for n in range(11))
    document = f"query ($input: [PermissionQuestion!]!) {{ {many} }}"
    assert set((await john.ask(document, input=[READ_REPORT] * 100)).codes) == {"QUERY_TOO_COMPLEX"}
    assert len((await john.ask(CHECKS, input=[READ_REPORT] * 100)).data["checkPermissions"]) == 100


async def test_a_hundred_moments_of_the_past_are_asked_for_in_more_than_one_request(served: Served) -> None:
    john, now = await served.as_("john"), datetime.now(UTC)
    times = [(now - timedelta(minutes=n)).isoformat() for n in range(1, 101)]
    questions = [{"action": "user:list", "resource": {"type": "user"}, "environment": {"time": each}} for each in times]
    assert (await john.ask(CHECKS, input=questions)).codes == ["QUERY_TOO_COMPLEX"]
    assert (await john.ask(CHECKS, input=questions[:2])).data["checkPermissions"] == [{"allowed": False}] * 2


async def test_an_explanation_tells_those_rules_that_decided_and_so_many_others(served: Served) -> None:
    root = await served.as_("root")
    grants = [
        {"effect": "ALLOW", "action": "report:read", "condition": f'resource.region == "r{n}"'}
        for n in range(MOST_ENTRIES + 50)
    ]
    create = "mutation ($input: RoleInput!) { createRole(input: $input) { permissionsToken } }"
    _ = (await root.ask(create, input={"name": "a_thousand_grants", "grants": grants})).data
    assign = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { permissionsToken } }"
    john = await served.as_("john")
    assert john.user is not None
    given = {"userId": encode("User", john.user.id), "role": "a_thousand_grants"}
    _ = (await root.ask(assign, input=given)).data

    told = (await john.ask(EXPLAIN, input=READ_REPORT)).data["explainDecision"]

    assert len(told["trace"]) == MOST_ENTRIES
    assert [each["rule"] for each in told["trace"] if each["decided"]] == ["role guest: deny report:*"]
    assert told["trace"][0]["decided"]
    assert told["words"][-1] == "52 more rules speak of it."
