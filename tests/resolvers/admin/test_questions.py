"""Questions about permissions over HTTP, as this or that caller."""

from typing import Any

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.user import User
from resolvers.ids import encode
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import chat
from tests.served import Answer, Caller, Served

CHECK = """query ($input: PermissionQuestion!) {
  checkPermission(input: $input) { id allowed reason explicit decidedBy } }"""
EFFECTIVE = """query ($userId: ID, $at: DateTime, $strategy: ConflictStrategy, $resourceType: String) {
  effectivePermissions(userId: $userId, at: $at, strategy: $strategy, resourceType: $resourceType) {
    user { displayName } at strategy
    permissions { action effect condition via
      rules { rule effect condition certain paths { steps validity { validFrom validUntil window } } } } } }"""
EXPLAIN = """query ($input: PermissionQuestion, $decisionId: ID) {
  explainDecision(input: $input, decisionId: $decisionId) {
    decision { allowed reason } strategy rolesHeld rolesInherited words
    trace { rule effect outcome decided condition detail paths { steps } }
    remedies { description kind steps { kind description role attribute value time network policy } } } }"""
WHO = """query ($action: String!, $resource: ResourceInput!, $at: DateTime, $first: Int, $after: String) {
  whoHasAccess(action: $action, resource: $resource, at: $at, first: $first, after: $after) {
    edges { cursor node { user { displayName } via decidedBy } } pageInfo { hasNextPage endCursor } } }"""
SIMULATE = """query ($change: ChangeInput!, $questions: [PermissionQuestion!]!) {
  simulate(change: $change, questions: $questions) {
    asked flips { question action before { allowed } after { allowed decidedBy } } } }"""

JOHNS_TABLE = {
    "deny_overrides": {
        "sales_data:read": False,
        "sales_data:write": False,
        "report:create": False,
        "report:read": False,
    },
    "most_permissive": {"sales_data:read": True, "sales_data:write": True, "report:create": True, "report:read": True},
    "most_restrictive": dict.fromkeys(("sales_data:read", "sales_data:write", "report:create", "report:read"), False),
    "priority": {"sales_data:read": True, "sales_data:write": True, "report:create": True, "report:read": False},
}


def gid(user: User) -> str:
    return encode("User", user.id)


async def conversation(served: Served, owner: str, **attributes: Any) -> str:
    """A stored one's global id."""
    stored = Conversation(
        owner_id=served.people[owner].id, attributes=attributes, started_at=now(), updated_at=now(), slot_width=50
    )
    await stored.insert()
    return encode("Conversation", stored.id)


async def check(caller: Caller, action: str, resource: dict[str, Any], **more: Any) -> Answer:
    return await caller.ask(CHECK, input={"action": action, "resource": resource, **more})


async def effects(caller: Caller, **variables: Any) -> dict[str, str]:
    answer = await caller.ask(EFFECTIVE, **variables)
    return {each["action"]: each["effect"] for each in answer.data["effectivePermissions"]["permissions"]}


@pytest.mark.parametrize("strategy", JOHNS_TABLE)
async def test_johns_table_is_decided_by_each_strategy(served: Served, strategy: str) -> None:
    admin, john = await served.as_("admin"), gid(served.people["john"])

    for action, wanted in JOHNS_TABLE[strategy].items():
        type_ = action.partition(":")[0]
        answer = await check(admin, action, {"type": type_}, userId=john, strategy=strategy.upper())
        assert answer.data["checkPermission"]["allowed"] is wanted, action
    found = await effects(admin, userId=john, strategy=strategy.upper())
    assert {action: found[action] == "ALLOW" for action in JOHNS_TABLE[strategy]} == JOHNS_TABLE[strategy]


async def test_effective_permissions_name_every_path(served: Served) -> None:
    admin, sara = await served.as_("admin"), gid(served.people["sara"])
    found = (await admin.ask(EFFECTIVE, userId=sara, resourceType="sales_data")).data["effectivePermissions"]

    assert found["user"] == {"displayName": "Sara"}
    assert {each["action"]: (each["effect"], each["via"]) for each in found["permissions"]} == {
        "sales_data:read": ("ALLOW", [["senior_analyst", "analyst"]]),
        "sales_data:write": ("ALLOW", [["senior_analyst", "analyst"]]),
    }
    (path,) = found["permissions"][0]["rules"][0]["paths"]
    assert path["validity"] == [{"validFrom": None, "validUntil": None, "window": None}]


async def test_everybody_sees_his_own_and_only_admins_those_of_others(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    bob = gid(served.people["bob"])

    own = await effects(alice)
    assert own["conversation:read"] == "CONDITIONAL"
    assert own["role:write"] == "DENY"
    assert (await check(guest, "sales_data:read", {"type": "sales_data"})).data["checkPermission"]["allowed"]
    for query, variables in (
        (EFFECTIVE, {"userId": bob}),
        (CHECK, {"input": {"userId": bob, "action": "user:list", "resource": {"type": "user"}}}),
        (EXPLAIN, {"input": {"userId": bob, "action": "user:list", "resource": {"type": "user"}}}),
        (WHO, {"action": "user:list", "resource": {"type": "user"}}),
        (SIMULATE, {"change": {"deleteRole": "guest"}, "questions": []}),
    ):
        assert (await alice.ask(query, **variables)).codes == ["FORBIDDEN"], query
        assert (await served.nobody.ask(query, **variables)).codes == ["UNAUTHENTICATED"], query


async def test_the_stored_attributes_count_and_not_those_that_a_client_claims(served: Served) -> None:
    sara = await served.as_("sara")
    theirs = await conversation(served, "alice", region="EMEA", clearance_required=3)
    far = await conversation(served, "alice", region="US-West", clearance_required=1)
    claim = {"region": "EMEA", "clearance_required": 1}

    for about_id, wanted in ((theirs, True), (far, False)):
        about = {"type": "conversation", "id": about_id, "attributes": claim}
        assert (await check(sara, "conversation:read", about)).data["checkPermission"]["allowed"] is wanted
    about = {"type": "conversation", "id": theirs}
    assert not (await check(sara, "message:append", about)).data["checkPermission"]["allowed"]
    assert (await check(sara, "message:read_metadata", about)).data["checkPermission"]["allowed"]


async def test_what_is_hidden_is_answered_as_what_is_not_there(served: Served) -> None:
    bob, admin = await served.as_("bob"), await served.as_("admin")
    hers = await conversation(served, "alice", region="EMEA", clearance_required=3)
    nowhere = encode("Conversation", "f" * 24)

    answers = []
    for about_id in (hers, nowhere):
        told = await bob.ask(
            EXPLAIN, input={"action": "conversation:read", "resource": {"type": "conversation", "id": about_id}}
        )
        answers.append(told.data["explainDecision"])
    assert answers[0] == answers[1]
    assert answers[0]["words"] == ["There is no such thing, or you may not know of it."]

    asked = {"action": "conversation:read", "resource": {"type": "conversation", "id": nowhere}}
    assert (await admin.ask(CHECK, input={**asked, "userId": gid(served.people["bob"])})).codes == ["NOT_FOUND"]
    assert (await admin.ask(WHO, **asked)).codes == ["NOT_FOUND"]


async def test_why_john_may_not_write_and_what_would_help(served: Served) -> None:
    admin, john = await served.as_("admin"), gid(served.people["john"])
    asked = {"action": "sales_data:write", "resource": {"type": "sales_data"}, "userId": john}
    told = (await admin.ask(EXPLAIN, input=asked)).data["explainDecision"]

    assert told["decision"] == {"allowed": False, "reason": "denied by role report_viewer: deny sales_data:*"}
    assert told["rolesHeld"] == ["analyst", "guest", "report_viewer"]
    assert [(each["rule"], each["outcome"], each["decided"]) for each in told["trace"]] == [
        ("role analyst: allow sales_data:read_write", "MATCHED", False),
        ("role report_viewer: deny sales_data:*", "MATCHED", True),
    ]
    assert [each["description"] for each in told["remedies"]] == ["end the assignment of role `report_viewer`"]
    assert "decided" in told["words"][-1]


async def test_the_smallest_changes_come_cheapest_first(served: Served) -> None:
    admin, bob = await served.as_("admin"), gid(served.people["bob"])
    secret = await conversation(served, "alice", region="US-West", clearance_required=2)
    asked = {"action": "conversation:read", "resource": {"type": "conversation", "id": secret}, "userId": bob}
    told = (await admin.ask(EXPLAIN, input=asked)).data["explainDecision"]

    found = [each["description"] for each in told["remedies"]]
    assert found == [
        "assign role `admin`",
        "assign role `data_scientist` and raise `clearance` to 2",
        "assign role `senior_analyst` and raise `clearance` to 2",
    ]


async def test_who_may_not_see_roles_is_not_told_of_them(served: Served) -> None:
    guest = await served.as_("guest")
    told = (await guest.ask(EXPLAIN, input={"action": "sales_data:write", "resource": {"type": "sales_data"}})).data

    assert told["explainDecision"]["remedies"] == []


async def test_a_decision_is_explained_by_exactly_one_of_question_and_id(served: Served) -> None:
    alice = await served.as_("alice")
    asked = {"action": "user:list", "resource": {"type": "user"}}

    assert (await alice.ask(EXPLAIN)).codes == ["BAD_USER_INPUT"]
    assert (await alice.ask(EXPLAIN, input=asked, decisionId="x")).codes == ["BAD_USER_INPUT"]
    assert (await alice.ask(EXPLAIN, decisionId="x")).codes == ["BAD_USER_INPUT"]


async def test_who_has_access_is_who_would_be_allowed_page_by_page(served: Served) -> None:
    admin = await served.as_("admin")
    theirs = await conversation(served, "alice", region="EMEA", clearance_required=3)
    about = {"type": "conversation", "id": theirs}

    found, after = dict[str, Any](), None
    while True:
        page = (await admin.ask(WHO, action="conversation:read", resource=about, first=2, after=after)).data[
            "whoHasAccess"
        ]
        found |= {edge["node"]["user"]["displayName"]: edge["node"]["via"] for edge in page["edges"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    allowed = set()
    for user in served.people.values():
        answer = await check(admin, "conversation:read", about, userId=gid(user))
        allowed |= {user.display_name} if answer.data["checkPermission"]["allowed"] else set()

    assert set(found) == allowed == {"Root", "Ada Admin", "Alice", "Sara"}
    assert found["Sara"] == [["senior_analyst"]]
    assert found["Alice"] == [["policy own_conversations"]]
    assert ["super_admin", "admin"] in found["Root"]


async def test_many_questions_are_answered_in_order_and_not_more_than_a_hundred(served: Served) -> None:
    alice = await served.as_("alice")
    query = "query ($input: [PermissionQuestion!]!) { checkPermissions(input: $input) { allowed } }"
    asked = [{"action": action, "resource": {"type": "report"}} for action in ("report:create", "report:read")]

    answer = await alice.ask(query, input=asked)
    assert answer.data["checkPermissions"] == [{"allowed": True}, {"allowed": False}]
    assert (await alice.ask(query, input=asked * 51)).codes == ["BAD_USER_INPUT"]


async def test_many_questions_load_their_conversations_together_and_each_is_judged_alone(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    query = "query ($input: [PermissionQuestion!]!) { checkPermissions(input: $input) { allowed } }"
    hers, (his, _) = [await chat(alice, 1) for _ in range(4)], await chat(bob, 0)
    chats = [chat for chat, _ in hers] + [his, encode("Conversation", PydanticObjectId())]
    asked = [{"action": "conversation:update", "resource": {"type": "conversation", "id": each}} for each in chats]
    of_message = {"action": "message:read", "resource": {"type": "message", "id": hers[0][1][0]["id"]}}
    await alice.ask("{ me { id } }")

    with database_calls(own=True) as calls:
        answer = await alice.ask(query, input=[*asked, of_message])
    assert [each["allowed"] for each in answer.data["checkPermissions"]] == [True] * 4 + [False] * 2 + [True]
    assert calls.count(("find", "conversations")) == 1
    for wrong in ("nonsense", encode("User", PydanticObjectId()), encode("Message", PydanticObjectId(), "main.x"), ""):
        about = {"action": "conversation:read", "resource": {"type": "conversation", "id": wrong}}
        assert (await alice.ask(query, input=[*asked, about])).codes == ["BAD_USER_INPUT"], wrong


@pytest.mark.parametrize(
    "asked",
    [
        {"action": "sales_data:fly", "resource": {"type": "sales_data"}},
        {"action": "nonsense", "resource": {"type": "sales_data"}},
        {"action": "sales_data:*", "resource": {"type": "sales_data"}},
        {"action": "sales_data:read", "resource": {"type": "unheard_of"}},
        {"action": "sales_data:read", "resource": {"type": "report"}},
        {"action": "sales_data:read", "resource": {"type": "sales_data", "attributes": [1]}},
        {"action": "sales_data:read", "resource": {"type": "sales_data", "attributes": {"a": "x" * 20_000}}},
        {"action": "conversation:read", "resource": {"type": "conversation", "id": "x"}},
        {"action": "sales_data:read", "resource": {"type": "sales_data"}, "userId": "x"},
        {"action": "sales_data:read", "resource": {"type": "sales_data"}, "userId": encode("User", "f" * 24)},
        {"action": "sales_data:read", "resource": {"type": "sales_data"}, "environment": {"time": "noon"}},
        {"action": "sales_data:read", "resource": {"type": "sales_data"}, "environment": 7},
    ],
)
async def test_what_can_not_be_meant_is_refused(served: Served, asked: dict[str, Any]) -> None:
    admin = await served.as_("admin")

    assert (await admin.ask(CHECK, input=asked)).codes == ["BAD_USER_INPUT"]


async def test_circumstances_are_named_where_everybody_or_everything_is_asked_about(served: Served) -> None:
    admin, root = await served.as_("admin"), await served.as_("root")
    policy = {
        "name": "office",
        "effect": "DENY",
        "actions": ["report:create"],
        "unless": "cidr('10.0.0.0/8').containsIP(env.ip)",
    }
    put = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { permissionsToken } }"
    assert (await root.ask(put, input=policy)).data
    who = """query ($environment: JSON) { whoHasAccess(action: "report:create", resource: {type: "report"},
      environment: $environment) { edges { node { user { displayName } } } } }"""
    what = """query ($user: ID, $environment: JSON) { effectivePermissions(userId: $user, resourceType: "report",
      environment: $environment) { permissions { action effect } } }"""

    async def holders(**asked: Any) -> set[str]:
        edges = (await admin.ask(who, **asked)).data["whoHasAccess"]["edges"]
        return {edge["node"]["user"]["displayName"] for edge in edges}

    async def effect(**asked: Any) -> str:
        found = (await admin.ask(what, user=gid(served.people["alice"]), **asked)).data["effectivePermissions"]
        (told,) = (each["effect"] for each in found["permissions"] if each["action"] == "report:create")
        return str(told)

    assert "Alice" in await holders(environment={"ip": "10.1.2.3"})
    assert await holders(environment={"ip": "192.0.2.1"}) == await holders() == set()
    assert await effect() == "CONDITIONAL"
    assert await effect(environment={"ip": "10.1.2.3"}) == "ALLOW"
    assert await effect(environment={"ip": "192.0.2.1"}) == "DENY"
    for document in (who, what):
        for wrong in ({"time": "2026-03-02T12:00:00Z"}, 5, ["ip"], {"a": "x" * 20_000}):
            assert (await admin.ask(document, environment=wrong)).codes == ["BAD_USER_INPUT"]
