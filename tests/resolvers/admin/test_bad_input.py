"""What can't be meant, put to the served schema: each has a code and a reason, and the database is as it was."""

from typing import Any

import pytest

from models.role import RoleAssignment
from resolvers.ids import encode
from tests.served import Served

CHECK = "query ($input: PermissionQuestion!) { checkPermission(input: $input) { allowed } }"
HOLDERS = (
    """query ($action: String!) { whoHasAccess(action: $action, resource: {type: "report"}) { edges { cursor } } }"""
)
EFFECTIVE = "query ($userId: ID) { effectivePermissions(userId: $userId) { at } }"
SIMULATE = "query ($change: ChangeInput!) { simulate(change: $change, questions: []) { asked } }"
CREATE = "mutation ($input: RoleInput!) { createRole(input: $input) { permissionsToken } }"
UPDATE = "mutation ($input: RoleInput!) { updateRole(input: $input) { permissionsToken } }"
POLICY = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { permissionsToken } }"
ASSIGN = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { permissionsToken } }"
END = "mutation ($input: EndRoleAssignmentInput!) { endRoleAssignment(input: $input) { permissionsToken } }"
ATTRIBUTES = "mutation ($input: SetUserAttributesInput!) { setUserAttributes(input: $input) { permissionsToken } }"

NOBODY = encode("User", "0" * 24)
BAD, MISSING, CONFLICT, FORBIDDEN = "BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "FORBIDDEN"


def grant(action: str, condition: str | None = None) -> dict[str, Any]:
    return {"input": {"name": "new", "grants": [{"action": action, "condition": condition}]}}


def policy(when: str) -> dict[str, Any]:
    return {"input": {"name": "new", "effect": "ALLOW", "actions": ["sales_data:read"], "when": when}}


def asked(action: str, type_: str = "report", **more: Any) -> dict[str, Any]:
    return {"input": {"action": action, "resource": {"type": type_}, **more}}


def given(**more: Any) -> dict[str, Any]:
    return {"input": {"userId": "JOHN", "role": "guest", **more}}


WORDS = '"' + "a" * 40 + '!"'
CASES: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "unknown action, granted": ("root", CREATE, grant("report:fly"), BAD, "report:fly"),
    "unknown action, asked": ("admin", CHECK, asked("report:fly"), BAD, "is not a known action"),
    "unknown action, held": ("admin", HOLDERS, {"action": "report:fly"}, BAD, "is not a known action"),
    "unknown type": ("admin", CHECK, asked("report:read", "ufo"), BAD, "is not a known type"),
    "unknown role, assigned": ("root", ASSIGN, given(role="nobody"), MISSING, "nobody"),
    "unknown role, inherited": ("root", CREATE, {"input": {"name": "new", "inherits": ["nobody"]}}, BAD, "nobody"),
    "unknown role, changed": ("root", UPDATE, {"input": {"name": "nobody"}}, MISSING, "nobody"),
    "unknown role, tried": ("admin", SIMULATE, {"change": {"deleteRole": "nobody"}}, BAD, "is not a known role"),
    "unknown attribute, granted": (
        "root",
        CREATE,
        grant("report:read", "resource.regoin == user.region"),
        BAD,
        "line 1, column 1: unknown attribute `resource.regoin`: did you mean `region`?",
    ),
    "unknown attribute, in a policy": ("root", POLICY, policy("resource.wings == 2"), BAD, "unknown attribute"),
    "unknown user, assigned": ("root", ASSIGN, given(userId=NOBODY), MISSING, "no such User"),
    "unknown user, asked about": ("admin", EFFECTIVE, {"userId": NOBODY}, BAD, "is not an account"),
    "unknown user, asked about in a check": (
        "admin",
        CHECK,
        asked("report:read", userId=NOBODY),
        BAD,
        "not an account",
    ),
    "unknown user, changed": ("root", ATTRIBUTES, {"input": {"userId": NOBODY, "attributes": {}}}, MISSING, "User"),
    "self-inheritance": ("root", UPDATE, {"input": {"name": "guest", "inherits": ["guest"]}}, BAD, "guest → guest"),
    "self-inheritance from the start": (
        "root",
        CREATE,
        {"input": {"name": "new", "inherits": ["new"]}},
        BAD,
        "new → new",
    ),
    "a circle": (
        "root",
        UPDATE,
        {"input": {"name": "analyst", "inherits": ["admin"]}},
        BAD,
        "senior_analyst → analyst → admin → senior_analyst",
    ),
    "a policy of a megabyte": ("root", POLICY, policy(f"resource.region == '{'x' * 1_000_000}'"), BAD, "characters"),
    "a condition 10,000 deep": ("root", POLICY, policy("!(" * 10_000 + "true" + ")" * 10_000), BAD, ""),
    "a list 10,000 deep": ("root", POLICY, policy("[" * 10_000 + "]" * 10_000 + " == []"), BAD, ""),
    "10,000 conditions": ("root", POLICY, policy(" && ".join(["true"] * 10_000)), BAD, ""),
    "a regular expression that explodes": ("root", POLICY, policy(f'{WORDS}.matches("^(a+)+$")'), BAD, ""),
    "one over an attribute": ("root", POLICY, policy('resource.region.matches("(.*a){40}")'), BAD, ""),
    "a window that never opens": ("root", ASSIGN, given(window="MO 09:00-09:00 UTC"), BAD, "never opens"),
    "a window that is none": ("root", ASSIGN, given(window="nine to five"), BAD, "is not like"),
    "over before it begins": (
        "root",
        ASSIGN,
        given(validFrom="2100-01-02T00:00:00Z", validUntil="2100-01-01T00:00:00Z"),
        BAD,
        "validFrom",
    ),
    "the last super admin removes himself": ("root", END, {"input": {"assignmentId": "ROOTS"}}, CONFLICT, "be left"),
    "the last super admin disarms his role": (
        "root",
        UPDATE,
        {"input": {"name": "super_admin", "grants": []}},
        CONFLICT,
        "be left",
    ),
    "an admin gives more than he has": ("admin", ASSIGN, given(role="super_admin"), FORBIDDEN, "beyond what you may"),
    "an admin takes more than he has": ("admin", END, {"input": {"assignmentId": "ROOTS"}}, FORBIDDEN, "beyond what"),
}
"""Who asks what, and what he is told."""


async def stored(served: Served) -> dict[str, list[dict[str, Any]]]:
    """All that a change of permissions writes to, and its history."""
    db = served.services.database.db
    names = ("roles", "policies", "resource_types", "role_assignments", "users", "permission_changes")
    assert set(names) <= set(await db.list_collection_names())
    return {name: sorted(await db[name].find({}).to_list(), key=lambda each: str(each["_id"])) for name in names}


async def test_what_cant_be_meant_is_told_so_and_nothing_is_written(served: Served) -> None:
    roots = await RoleAssignment.find_one({"user_id": served.people["root"].id})
    assert roots is not None
    ids = {"JOHN": encode("User", served.people["john"].id), "ROOTS": encode("RoleAssignment", roots.id)}
    callers = {name: await served.as_(name) for name in ("root", "admin")}
    before = await stored(served)

    for name, (who, document, variables, code, reason) in CASES.items():
        sent = {
            key: {inner: ids.get(str(each), each) for inner, each in value.items()}
            if isinstance(value, dict)
            else value
            for key, value in variables.items()
        }
        answer = await callers[who].ask(document, **sent)
        assert (name, answer.status, answer.codes) == (name, 200, [code])
        assert reason in answer.body["errors"][0]["message"], name
        assert len(answer.body["errors"][0]["message"]) < 1_000, name

    assert await stored(served) == before


@pytest.mark.parametrize("who", ["alice", "nobody"])
async def test_who_may_not_ask_learns_nothing_from_how_his_question_is_wrong(served: Served, who: str) -> None:
    """The refusal comes first, whether the thing is there or not."""
    caller = served.nobody if who == "nobody" else await served.as_(who)
    asked: list[tuple[str, dict[str, Any]]] = [
        (HOLDERS, {"action": "report:fly"}),
        (HOLDERS, {"action": "report:read"}),
        (SIMULATE, {"change": {"deleteRole": "nobody"}}),
        (SIMULATE, {"change": {"deleteRole": "guest"}}),
        (UPDATE, {"input": {"name": "nobody"}}),
        (UPDATE, {"input": {"name": "guest"}}),
        (EFFECTIVE, {"userId": NOBODY}),
        (EFFECTIVE, {"userId": encode("User", served.people["john"].id)}),
    ]
    refusals = {str((await caller.ask(document, **variables)).codes) for document, variables in asked}
    assert refusals == {"['UNAUTHENTICATED']" if who == "nobody" else "['FORBIDDEN']"}
