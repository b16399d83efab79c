"""Roles, assignments and policies over HTTP, as this or that caller may read and change them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.contexts import AT_LEAST
from models.permission_change import PermissionChange
from models.role import RoleAssignment
from permissions.store import PermissionStore
from resolvers.ids import encode, permissions_token
from tests.served import Answer, Caller, Served

CREATE = """mutation ($input: RoleInput!) { createRole(input: $input) {
  role { name priority description inherits { name } grants { effect action condition } } permissionsToken } }"""
UPDATE = """mutation ($input: RoleInput!) { updateRole(input: $input) {
  role { name priority description inherits { name } grants { effect action condition } } permissionsToken } }"""
DELETE = """mutation ($name: String!, $cascade: Boolean! = false) { deleteRole(name: $name, cascade: $cascade) {
  name permissionsToken } }"""
ASSIGN = """mutation ($input: AssignRoleInput!) { assignRole(input: $input) { permissionsToken assignment {
  id user { displayName } role { name } validFrom validUntil window reason grantedBy { displayName } endedAt } } }"""
END = """mutation ($input: EndRoleAssignmentInput!) { endRoleAssignment(input: $input) {
  assignment { id endedAt } permissionsToken } }"""
POLICY = """mutation ($input: PolicyInput!) { putPolicy(input: $input) {
  policy { name effect actions when unless mode description } permissionsToken } }"""
TYPE = """mutation ($input: ResourceTypeInput!) { putResourceType(input: $input) { permissionsToken resourceType {
  name actions levels { name actions } attributes { name type } context { name type } strategy } } }"""
ATTRIBUTES = """mutation ($input: SetUserAttributesInput!) { setUserAttributes(input: $input) {
  user { attributes } permissionsToken } }"""
ROLE = "query ($name: String!) { role(name: $name) { name description inherits { name } } }"
ROLES = """query ($first: Int, $after: String) { roles(first: $first, after: $after) {
  edges { cursor node { name } } pageInfo { hasNextPage endCursor } } }"""
POLICIES = "{ policies(first: 2) { edges { node { name mode when } } pageInfo { hasNextPage } } }"
USERS = "{ users(first: 1) { edges { node { id } } } }"
MINUTE = timedelta(minutes=1)


def id_of(served: Served, name: str) -> str:
    return encode("User", served.people[name].id)


def error(answer: Answer) -> dict[str, Any]:
    (only,) = answer.body["errors"]
    return {**only["extensions"], "message": only["message"]}


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    until = time.monotonic() + 5
    while not await holds():
        assert time.monotonic() < until
        await asyncio.sleep(0.01)


async def test_a_role_is_made_changed_and_deleted(served: Served) -> None:
    root = await served.as_("root")
    grants = [{"action": "conversation:read", "condition": "resource.region == user.region"}]
    made = (
        await root.ask(CREATE, input={"name": "editor", "inherits": ["guest"], "grants": grants, "priority": 9})
    ).data
    assert made["createRole"]["role"] == {
        "name": "editor",
        "priority": 9,
        "description": None,
        "inherits": [{"name": "guest"}],
        "grants": [{"effect": "ALLOW", **grants[0]}],
    }

    changed = (await root.ask(UPDATE, input={"name": "editor", "description": "edits", "priority": None})).data
    role = changed["updateRole"]["role"]
    assert (role["priority"], role["description"], role["inherits"]) == (None, "edits", [{"name": "guest"}])
    assert changed["updateRole"]["permissionsToken"] != made["createRole"]["permissionsToken"]
    assert (await root.ask(ROLE, name="editor")).data["role"]["description"] == "edits"

    assert (await root.ask(DELETE, name="editor")).data["deleteRole"]["name"] == "editor"
    assert (await root.ask(ROLE, name="editor")).data["role"] is None


async def test_as_admin_john_gets_a_role_until_one_minute_from_now(served: Served) -> None:
    admin, john = await served.as_("admin"), await served.as_("john")
    assert (await john.ask(USERS)).codes == ["FORBIDDEN"]
    until = datetime.now(UTC) + MINUTE
    wanted = {"userId": id_of(served, "john"), "role": "admin", "validUntil": until.isoformat(), "reason": "stands in"}

    answer = (await admin.ask(ASSIGN, input=wanted)).data["assignRole"]

    assignment = answer["assignment"]
    assert (assignment["user"], assignment["role"]) == ({"displayName": "John"}, {"name": "admin"})
    assert (assignment["grantedBy"], assignment["reason"]) == ({"displayName": "Ada Admin"}, "stands in")
    assert (await john.ask(USERS)).data["users"]["edges"]
    store, at = served.services.permissions, until - timedelta(milliseconds=2)
    subject = await store.subject(served.people["john"].id)
    assert subject is not None
    assert "admin" in subject.roles_at(at)
    assert "admin" not in subject.roles_at(until), "it ends by itself"

    ended = (await admin.ask(END, input={"assignmentId": assignment["id"]})).data["endRoleAssignment"]
    assert ended["assignment"]["endedAt"]
    assert (await john.ask(USERS)).codes == ["FORBIDDEN"]
    assert error(await admin.ask(END, input={"assignmentId": assignment["id"]}))["code"] == "CONFLICT"


async def test_an_admin_gives_no_more_than_he_has(served: Served) -> None:
    admin = await served.as_("admin")
    before = len(await PermissionChange.find_all().to_list())

    refused = error(await admin.ask(ASSIGN, input={"userId": id_of(served, "john"), "role": "super_admin"}))

    assert (refused["code"], refused["beyond"]) == ("FORBIDDEN", ["*"])
    assert refused["decisionId"]
    assert len(await PermissionChange.find_all().to_list()) == before


async def test_who_may_not_is_told_so(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    john = id_of(served, "john")
    for caller in (alice, served.nobody):
        code = ["FORBIDDEN"] if caller.user else ["UNAUTHENTICATED"]
        assert (await caller.ask(CREATE, input={"name": "x"})).codes == code
        assert (await caller.ask(DELETE, name="guest")).codes == code
        assert (await caller.ask(ASSIGN, input={"userId": john, "role": "guest"})).codes == code
        assert (
            await caller.ask(POLICY, input={"name": "x", "effect": "ALLOW", "actions": ["user:read"]})
        ).codes == code
        assert (await caller.ask(TYPE, input={"name": "x", "actions": ["read"]})).codes == code
        assert (await caller.ask(ATTRIBUTES, input={"userId": john, "attributes": {}})).codes == code
        assert (await caller.ask(ROLES)).codes == code
    assert (await admin.ask(CREATE, input={"name": "x"})).codes == ["FORBIDDEN"], "roles are for super admins to write"


BAD: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "unknown action": (CREATE, {"name": "r", "grants": [{"action": "user:fly"}]}, "BAD_USER_INPUT", "user:fly"),
    "unknown type": (CREATE, {"name": "r", "grants": [{"action": "ufo:fly"}]}, "BAD_USER_INPUT", "ufo"),
    "unknown parent": (CREATE, {"name": "r", "inherits": ["nobody"]}, "BAD_USER_INPUT", "nobody"),
    "itself": (UPDATE, {"name": "guest", "inherits": ["guest"]}, "BAD_USER_INPUT", "guest → guest"),
    "circle": (UPDATE, {"name": "guest", "inherits": ["super_admin"]}, "BAD_USER_INPUT", "→"),
    "there already": (CREATE, {"name": "guest"}, "CONFLICT", "already"),
    "not there": (UPDATE, {"name": "nobody"}, "NOT_FOUND", "nobody"),
    "unknown attribute": (
        CREATE,
        {"name": "r", "grants": [{"action": "session:read", "condition": "resource.wings == 2"}]},
        "BAD_USER_INPUT",
        "wings",
    ),
    "no condition": (
        CREATE,
        {"name": "r", "grants": [{"action": "session:read", "condition": "user.id =="}]},
        "BAD_USER_INPUT",
        "",
    ),
    "a condition without end": (
        CREATE,
        {"name": "r", "grants": [{"action": "session:read", "condition": "!(" * 10_000 + "true" + ")" * 10_000}]},
        "BAD_USER_INPUT",
        "",
    ),
    "a megabyte": (
        POLICY,
        {"name": "p", "effect": "ALLOW", "actions": ["user:read"], "when": "user.id == '" + "x" * 1_000_000 + "'"},
        "BAD_USER_INPUT",
        "",
    ),
    "levels twice": (
        TYPE,
        {"name": "t", "actions": ["a"], "levels": [{"name": "l", "actions": ["a"]}] * 2},
        "BAD_USER_INPUT",
        "twice",
    ),
    "an attribute of no type": (
        TYPE,
        {"name": "t", "actions": ["a"], "attributes": [{"name": "x", "type": "colour"}]},
        "BAD_USER_INPUT",
        "colour",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_has_its_reason(served: Served, name: str) -> None:
    document, sent_, code, reason = BAD[name]
    before = len(await PermissionChange.find_all().to_list())

    refused = error(await (await served.as_("root")).ask(document, input=sent_))

    assert refused["code"] == code
    assert reason in refused["message"]
    assert len(await PermissionChange.find_all().to_list()) == before


BAD_ASSIGNMENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown role": ({"role": "nobody"}, "NOT_FOUND", "nobody"),
    "unknown user": ({"userId": encode("User", "0" * 24)}, "NOT_FOUND", "User"),
    "no user": ({"userId": encode("Role", "x")}, "BAD_USER_INPUT", "userId"),
    "over before it begins": (
        {"validFrom": "2100-01-02T00:00:00Z", "validUntil": "2100-01-01T00:00:00Z"},
        "BAD_USER_INPUT",
        "validFrom",
    ),
    "over already": ({"validUntil": "2000-01-01T00:00:00Z"}, "BAD_USER_INPUT", "past"),
    "no offset": ({"validUntil": "2100-01-01T00:00:00"}, "BAD_USER_INPUT", "offset"),
    "no window": ({"window": "nine to five"}, "BAD_USER_INPUT", "is not like"),
    "never open": ({"window": "MO 09:00-09:00 Europe/Berlin"}, "BAD_USER_INPUT", "never opens"),
}


@pytest.mark.parametrize("name", BAD_ASSIGNMENTS)
async def test_a_bad_assignment_has_its_reason(served: Served, name: str) -> None:
    changed, code, reason = BAD_ASSIGNMENTS[name]
    wanted = {"userId": id_of(served, "john"), "role": "guest", **changed}

    refused = error(await (await served.as_("root")).ask(ASSIGN, input=wanted))

    assert (refused["code"], reason in refused["message"]) == (code, True)


async def test_a_role_in_use_goes_with_all_that_hangs_on_it_or_not_at_all(served: Served) -> None:
    root = await served.as_("root")

    refused = error(await root.ask(DELETE, name="analyst"))
    assert refused["code"] == "CONFLICT"
    assert refused["inheritedBy"] == ["senior_analyst"]
    assert len(refused["assignments"]) == 3

    await root.ask(DELETE, name="analyst", cascade=True)
    assert (await root.ask(ROLE, name="senior_analyst")).data["role"]["inherits"] == []
    assert await RoleAssignment.find({"role": "analyst", "ended_at": None}).to_list() == []


async def test_the_last_super_admin_can_not_remove_himself(served: Served) -> None:
    root = await served.as_("root")
    held = await RoleAssignment.find_one({"user_id": served.people["root"].id})
    assert held is not None

    for answer in (
        await root.ask(END, input={"assignmentId": encode("RoleAssignment", held.id)}),
        await root.ask(UPDATE, input={"name": "super_admin", "grants": []}),
        await root.ask(DELETE, name="super_admin", cascade=True),
    ):
        assert error(answer)["code"] == "CONFLICT"
        assert "nobody would be left" in error(answer)["message"]


async def test_a_policy_counts_at_once_and_is_shown(served: Served) -> None:
    root, alice = await served.as_("root"), await served.as_("alice")
    assert (await alice.ask(USERS)).codes == ["FORBIDDEN"]
    policy = {"name": "open_house", "effect": "ALLOW", "actions": ["user:list"], "when": 'user.region == "EMEA"'}

    shown = (await root.ask(POLICY, input=policy)).data["putPolicy"]["policy"]

    assert shown == {**policy, "unless": None, "mode": "ENFORCE", "description": None}
    assert "errors" not in (await alice.ask(USERS)).body
    await root.ask(POLICY, input={**policy, "mode": "SHADOW"})
    assert (await alice.ask(USERS)).codes == ["FORBIDDEN"]
    listed = (await root.ask(POLICIES)).data["policies"]
    assert [edge["node"]["name"] for edge in listed["edges"]] == ["open_house", "own_account"]
    assert listed["pageInfo"] == {"hasNextPage": True}


async def test_a_type_of_resource_can_be_granted_once_it_is_declared(served: Served) -> None:
    root = await served.as_("root")
    grant = {"action": "invoice:handle", "condition": "resource.total < 1000"}
    assert (await root.ask(CREATE, input={"name": "clerk", "grants": [grant]})).codes == ["BAD_USER_INPUT"]

    declared = {
        "name": "invoice",
        "actions": ["read", "pay"],
        "levels": [{"name": "handle", "actions": ["read", "pay"]}],
        "attributes": [{"name": "total", "type": "number"}],
        "context": [],
        "strategy": "PRIORITY",
    }
    assert (await root.ask(TYPE, input=declared)).data["putResourceType"]["resourceType"] == declared

    assert "errors" not in (await root.ask(CREATE, input={"name": "clerk", "grants": [grant]})).body
    shown = (await root.ask("{ resourceTypes { name } }")).data["resourceTypes"]
    assert {"invoice", "conversation", "user"} <= {each["name"] for each in shown}


async def test_attributes_of_an_account_are_replaced(served: Served) -> None:
    admin = await served.as_("admin")
    new = {"region": "EMEA", "clearance": 3}
    answer = await admin.ask(ATTRIBUTES, input={"userId": id_of(served, "alice"), "attributes": new})

    assert answer.data["setUserAttributes"]["user"] == {"attributes": new}
    subject = await served.services.permissions.subject(served.people["alice"].id)
    assert subject is not None
    assert subject.attributes == new
    for bad in ([1], {"$where": 1}, "text"):
        again = await admin.ask(ATTRIBUTES, input={"userId": id_of(served, "alice"), "attributes": bad})
        assert again.codes == ["BAD_USER_INPUT"]


async def test_roles_come_in_pages_by_name(served: Served) -> None:
    admin = await served.as_("admin")
    names: list[str] = []
    after = None
    while True:
        page = (await admin.ask(ROLES, first=3, after=after)).data["roles"]
        names += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert names == sorted(names)
    assert {"admin", "analyst", "guest", "super_admin"} <= set(names)
    assert (await admin.ask(ROLES, after="nonsense")).codes == ["BAD_USER_INPUT"]


async def sent(caller: Caller, token: str) -> tuple[int, list[str]]:
    """Status and codes of a request that wants to be decided on rules as fresh as `token`."""
    headers = {AT_LEAST: token, "Authorization": f"Bearer {caller.token}"}
    answer = await caller.http.post("/graphql", json={"query": USERS}, headers=headers)
    return answer.status_code, [each["extensions"]["code"] for each in answer.json().get("errors", [])]


async def test_a_token_gets_rules_that_are_as_fresh(served: Served) -> None:
    root, alice = await served.as_("root"), await served.as_("alice")
    policy = {"name": "open_house", "effect": "ALLOW", "actions": ["user:list"]}
    token = (await root.ask(POLICY, input=policy)).data["putPolicy"]["permissionsToken"]

    assert await sent(alice, token) == (200, [])
    assert await sent(alice, "nonsense") == (400, ["BAD_USER_INPUT"])
    assert await sent(alice, encode("User", "0" * 24)) == (400, ["BAD_USER_INPUT"])
    revision = (await PermissionStore().world()).revision
    assert await sent(alice, permissions_token(revision + 1)) == (503, ["UNAVAILABLE"])
