"""Shadow policies over HTTP: noted, replayed over the log, and promoted by who has seen what that changes."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from models.audit_list import AuditFilter, batches_of_records
from models.clock import now
from models.database import Record
from permissions.audit.events import DECISION
from resolvers.admin import replays
from resolvers.ids import encode
from tests.resolvers.chat.documents import chat
from tests.served import Answer, Caller, Served

PUT = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { policy { name mode } permissionsToken } }"
READ = "query ($id: ID!) { conversation(id: $id) { id } }"
DELETE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
PROMOTION = """query ($name: String!) { policyPromotion(name: $name) { name digest replay { considered leftOut complete
  flips { decisionId action logged before { allowed decidedBy } after { allowed decidedBy } } } } }"""
PROMOTE = """mutation ($name: String!, $digest: String!) { promotePolicy(input: {name: $name, digest: $digest}) {
  policy { name mode } permissionsToken } }"""
REPLAY = """query ($change: ChangeInput!, $log: LoggedRange) { replay(change: $change, overLog: $log) {
  considered leftOut complete flipped flips { decisionId action logged after { allowed } } } }"""
LOG = "{ decisionLog { edges { node { decisionId effect action shadow } } } }"
CHECK = "query ($input: PermissionQuestion!) { checkPermission(input: $input) { allowed shadow } }"

MERCY: Record = {
    "name": "mercy",
    "effect": "ALLOW",
    "actions": ["conversation:delete"],
    "when": "resource.region == user.region",
    "mode": "SHADOW",
}
FREEZE: Record = {"name": "freeze", "effect": "DENY", "actions": ["conversation:read"], "mode": "SHADOW"}


@dataclass
class Scene:
    """Alice's conversation, which Sara may read and not delete."""

    served: Served
    root: Caller
    sara: Caller
    conversation: str

    async def shadow(self, policy: Record) -> None:
        assert (await self.root.ask(PUT, input=policy)).data["putPolicy"]["policy"]["mode"] == policy["mode"]

    async def refused(self) -> str:
        """Sara is refused: the decision's id."""
        answer = await self.sara.ask(DELETE, id=self.conversation)
        assert answer.codes == ["FORBIDDEN"]
        decision: str = answer.body["errors"][0]["extensions"]["decisionId"]
        return decision

    async def promotion(self, name: str = "mercy") -> dict[str, Any]:
        found: dict[str, Any] = (await self.root.ask(PROMOTION, name=name)).data["policyPromotion"]
        return found

    async def promote(self, digest: str, name: str = "mercy") -> Answer:
        return await self.root.ask(PROMOTE, name=name, digest=digest)


@pytest.fixture
async def scene(served: Served) -> Scene:
    attributes = {"region": "EMEA", "clearance_required": 1}
    conversation, _ = await chat(await served.as_("alice"), 0, attributes=attributes)
    return Scene(served, await served.as_("root"), await served.as_("sara"), conversation)


async def test_a_shadow_policy_changes_no_decision_and_is_noted_in_the_log(scene: Scene) -> None:
    await scene.shadow(MERCY)
    decision = await scene.refused()
    (edge,) = (await scene.root.ask(LOG)).data["decisionLog"]["edges"]
    assert edge["node"] == {
        "decisionId": decision,
        "effect": "DENY",
        "action": "conversation:delete",
        "shadow": ["mercy"],
    }


async def test_what_a_shadow_policy_would_have_denied_is_logged_though_no_permit_is(scene: Scene) -> None:
    await scene.shadow(FREEZE)
    assert (await scene.sara.ask(READ, id=scene.conversation)).data["conversation"]["id"] == scene.conversation
    await scene.served.services.audit.flush()
    nodes = [edge["node"] for edge in (await scene.root.ask(LOG)).data["decisionLog"]["edges"]]
    assert {(node["effect"], node["action"], *node["shadow"]) for node in nodes} == {
        ("ALLOW", "conversation:read", "freeze")
    }


async def test_a_question_tells_which_shadow_policies_would_turn_it_round(scene: Scene) -> None:
    await scene.shadow(FREEZE)
    question = {"action": "conversation:read", "resource": {"type": "conversation", "id": scene.conversation}}
    answer = await scene.sara.ask(CHECK, input=question)
    assert answer.data["checkPermission"] == {"allowed": True, "shadow": ["freeze"]}


async def test_a_draft_is_replayed_over_the_log_and_each_flip_listed(scene: Scene) -> None:
    decision = await scene.refused()
    draft = {name: MERCY[name] for name in ("name", "effect", "actions", "when")}
    found = (await scene.root.ask(REPLAY, change={"putPolicy": draft})).data["replay"]
    flip = {"decisionId": decision, "action": "conversation:delete", "logged": "DENY", "after": {"allowed": True}}
    assert found == {"considered": 1, "leftOut": 0, "complete": True, "flipped": 1, "flips": [flip]}
    elsewhere = {**draft, "when": "resource.region == 'Mars'"}
    assert (await scene.root.ask(REPLAY, change={"putPolicy": elsewhere})).data["replay"]["flips"] == []
    assert (await scene.root.ask(LOG)).data["decisionLog"]["edges"][0]["node"]["shadow"] == []


async def test_a_long_log_is_replayed_some_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "AT_ONCE", 2)
    monkeypatch.setattr(replays, "SHOWN", 4)
    refused = [await scene.refused() for _ in range(5)]
    draft = {name: MERCY[name] for name in ("name", "effect", "actions", "when")}
    for most in (3, 4, 5):
        asked = {"change": {"putPolicy": draft}, "log": {"first": most}}
        found = (await scene.root.ask(REPLAY, **asked)).data["replay"]
        assert (found["considered"], found["flipped"], found["complete"]) == (most, most, most == 5)
        assert [flip["decisionId"] for flip in found["flips"]] == refused[::-1][: min(most, 4)]
    db = scene.served.services.database.db
    async with aclosing(batches_of_records(db, ({},), AuditFilter({"kind": DECISION}), 5, 2)) as batches:
        assert [len(batch) async for batch in batches] == [2, 2, 1]


async def test_a_change_that_ends_the_role_which_it_changes_is_not_replayed(scene: Scene) -> None:
    await scene.refused()
    change = {"deleteRole": "guest", "removeGrant": {"role": "guest", "grant": {"action": "conversation:read"}}}
    refused = await scene.root.ask(REPLAY, change=change)
    assert refused.codes == ["BAD_USER_INPUT"]
    assert "role `guest` is not there to be changed" in str(refused.body)


async def test_a_replay_is_bounded_in_time_and_number_and_says_so(scene: Scene) -> None:
    before = now().isoformat()
    first, second = await scene.refused(), await scene.refused()
    draft = {"putPolicy": {name: MERCY[name] for name in ("name", "effect", "actions", "when")}}
    one = (await scene.root.ask(REPLAY, change=draft, log={"first": 1})).data["replay"]
    assert (one["considered"], one["complete"], one["flips"][0]["decisionId"]) == (1, False, second)
    both = (await scene.root.ask(REPLAY, change=draft, log={"from": before})).data["replay"]
    assert [flip["decisionId"] for flip in both["flips"]] == [second, first]
    assert (await scene.root.ask(REPLAY, change=draft, log={"until": before})).data["replay"]["considered"] == 0
    for wrong in ({"first": 0}, {"first": 10_001}, {"from": before, "until": before}):
        assert (await scene.root.ask(REPLAY, change=draft, log=wrong)).codes == ["BAD_USER_INPUT"]


async def test_a_policy_is_promoted_with_the_digest_of_the_list_that_was_shown(scene: Scene) -> None:
    await scene.shadow(MERCY)
    decision = await scene.refused()
    shown = await scene.promotion()
    (flip,) = shown["replay"]["flips"]
    assert (flip["decisionId"], flip["before"]["allowed"]) == (decision, False)
    assert flip["after"] == {"allowed": True, "decidedBy": ["policy mercy"]}
    answer = await scene.promote(shown["digest"])
    assert answer.data["promotePolicy"]["policy"] == {"name": "mercy", "mode": "ENFORCE"}
    assert (await scene.sara.ask(DELETE, id=scene.conversation)).data["deleteConversation"]


async def test_a_promotion_is_refused_when_the_policy_has_changed_since(scene: Scene) -> None:
    await scene.shadow(MERCY)
    await scene.refused()
    digest = (await scene.promotion())["digest"]
    await scene.shadow({**MERCY, "when": "resource.region == user.region && user.clearance > 2"})
    assert (await scene.promote(digest)).codes == ["CONFLICT"]
    assert (await scene.promote((await scene.promotion())["digest"])).data


async def test_a_promotion_is_refused_when_other_rules_have_changed_what_would_flip(scene: Scene) -> None:
    await scene.shadow(MERCY)
    await scene.refused()
    digest = (await scene.promotion())["digest"]
    other = {"name": "never", "effect": "DENY", "actions": ["conversation:delete"], "when": "user.clearance < 9"}
    assert (await scene.root.ask(PUT, input=other)).data
    assert (await scene.promote(digest)).codes == ["CONFLICT"]


@pytest.mark.parametrize(
    ("digest", "code"),
    [
        ("", "BAD_USER_INPUT"),
        ("1.2", "BAD_USER_INPUT"),
        ("x.y.z", "BAD_USER_INPUT"),
        ("1.2.abc", "CONFLICT"),
        ("1.99999999999999.abc", "CONFLICT"),
    ],
)
async def test_a_digest_that_nobody_was_told_promotes_nothing(scene: Scene, digest: str, code: str) -> None:
    await scene.shadow(MERCY)
    assert (await scene.promote(digest)).codes == [code]


async def test_only_what_is_in_shadow_is_promoted(scene: Scene) -> None:
    assert (await scene.root.ask(PROMOTION, name="own_conversations")).codes == ["CONFLICT"]
    assert (await scene.root.ask(PROMOTION, name="nothing")).codes == ["NOT_FOUND"]
    await scene.shadow(MERCY)
    digest = (await scene.promotion())["digest"]
    assert (await scene.promote(digest)).data
    assert (await scene.promote(digest)).codes == ["CONFLICT"]


async def test_replays_and_promotions_are_for_admins(scene: Scene) -> None:
    draft = {"putPolicy": {"name": "mercy", "effect": "ALLOW", "actions": ["conversation:delete"]}}
    assert (await scene.sara.ask(REPLAY, change=draft)).codes == ["FORBIDDEN"]
    assert (await scene.sara.ask(PROMOTION, name="mercy")).codes == ["FORBIDDEN"]
    admin = await scene.served.as_("admin")
    assert (await admin.ask(REPLAY, change=draft)).data
    assert (await admin.ask(PROMOTE, name="mercy", digest="1.2.3")).codes == ["FORBIDDEN"]


async def test_a_policy_is_put_with_tests_that_refuse_what_fails_them(scene: Scene) -> None:
    put = """mutation ($input: PolicyInput!) { putPolicy(input: $input) {
      policy { tests { name subjectId roles attributes resourceAttributes effect decidedBy } } } }"""
    test = {
        "name": "her own region",
        "roles": ["guest"],
        "attributes": {"region": "EMEA"},
        "action": "conversation:delete",
        "resourceAttributes": {"region": "EMEA"},
        "effect": "ALLOW",
    }
    stored = {**test, "subjectId": "somebody", "decidedBy": None}
    del stored["action"]
    for more in ({"tests": [test]}, {"description": "says nothing of tests"}):
        answer = await scene.root.ask(put, input={**MERCY, **more})
        assert answer.data["putPolicy"]["policy"]["tests"] == [stored]
    refused = await scene.root.ask(put, input={**MERCY, "when": "resource.region != user.region"})
    assert refused.codes == ["BAD_USER_INPUT"]
    (error,) = refused.body["errors"]
    assert error["message"].startswith("policy `mercy`: test `her own region`: wanted allow, but it is denied")
    assert (error["extensions"]["field"], len(error["extensions"]["failing"])) == ("tests", 1)


SIMULATE = """query ($change: ChangeInput!, $questions: [PermissionQuestion!], $log: LoggedRange) {
  simulate(change: $change, questions: $questions, overLog: $log) {
    asked flips { question after { allowed } }
    overLog { considered flipped flips { decisionId logged after { allowed } } } } }"""


async def test_a_change_is_simulated_on_questions_and_on_the_log(scene: Scene) -> None:
    decision = await scene.refused()
    draft = {"putPolicy": {name: MERCY[name] for name in ("name", "effect", "actions", "when")}}
    resource = {"type": "conversation", "id": scene.conversation}
    sara = scene.sara.user
    assert sara
    question = {"action": "conversation:delete", "resource": resource, "userId": encode("User", sara.id)}
    chosen = {"asked": 1, "flips": [{"question": 0, "after": {"allowed": True}}]}
    logged = {"decisionId": decision, "logged": "DENY", "after": {"allowed": True}}
    over = {"considered": 1, "flipped": 1, "flips": [logged]}

    async def simulated(**asked: Any) -> Any:
        return (await scene.root.ask(SIMULATE, change=draft, **asked)).data["simulate"]

    assert await simulated(questions=[question]) == {**chosen, "overLog": None}
    assert await simulated(log={}) == {"asked": 0, "flips": [], "overLog": over}
    assert await simulated(questions=[question], log={"first": 10}) == {**chosen, "overLog": over}
    assert (await scene.root.ask(SIMULATE, change=draft)).codes == ["BAD_USER_INPUT"]
    assert (await scene.root.ask(SIMULATE, change=draft, log={"first": 0})).codes == ["BAD_USER_INPUT"]


async def test_who_may_not_read_the_log_does_not_learn_of_it_by_simulating(scene: Scene) -> None:
    role = {"name": "asker", "grants": [{"action": "permission:read"}]}
    created = "mutation ($input: RoleInput!) { createRole(input: $input) { role { name } } }"
    assert (await scene.root.ask(created, input=role)).data
    assert scene.sara.user
    given = {"userId": encode("User", scene.sara.user.id), "role": "asker"}
    assert (
        await scene.root.ask("mutation ($i: AssignRoleInput!) { assignRole(input: $i) { permissionsToken } }", i=given)
    ).data
    scene.served.services.permissions.forget()
    draft = {"putPolicy": {name: MERCY[name] for name in ("name", "effect", "actions", "when")}}
    assert (await scene.sara.ask(SIMULATE, change=draft, questions=[])).data["simulate"]["overLog"] is None
    assert (await scene.sara.ask(SIMULATE, change=draft, log={})).codes == ["FORBIDDEN"]


async def test_what_flips_like_what_was_shown_does_not_hinder_a_promotion(scene: Scene) -> None:
    await scene.shadow(MERCY)
    await scene.refused()
    shown = await scene.promotion()
    await scene.refused()
    assert (await scene.promote(shown["digest"])).data["promotePolicy"]["policy"]["mode"] == "ENFORCE"


async def test_what_flips_otherwise_than_what_was_shown_hinders_a_promotion(scene: Scene) -> None:
    await scene.shadow(MERCY)
    shown = await scene.promotion()
    assert shown["replay"]["flips"] == []
    await scene.refused()
    assert (await scene.promote(shown["digest"])).codes == ["CONFLICT"]
    assert (await scene.promote((await scene.promotion())["digest"])).data


async def test_a_list_that_a_shadow_policy_would_change_is_noted_once_and_shown_before_promotion(scene: Scene) -> None:
    hide = {**FREEZE, "name": "hide", "unless": "resource.region == 'Mars'"}
    await scene.shadow(hide)
    for _ in range(2):
        assert (await scene.sara.ask("{ conversations(first: 5) { edges { node { id } } } }")).data["conversations"][
            "edges"
        ]
    await scene.served.services.audit.flush()
    nodes = [edge["node"] for edge in (await scene.root.ask(LOG)).data["decisionLog"]["edges"]]
    assert [(node["action"], node["effect"], node["shadow"]) for node in nodes] == [
        ("conversation:read", "ALLOW", ["hide"])
    ] * 2
    document = PROMOTION.replace("decisionId action", "ofList action")
    found = (await scene.root.ask(document, name="hide")).data["policyPromotion"]
    assert [(flip["action"], flip["ofList"]) for flip in found["replay"]["flips"]] == [("conversation:read", True)] * 2
    assert (await scene.promote(found["digest"], "hide")).data
