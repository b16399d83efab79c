"""One question at a time."""

from typing import Any

import pytest

from models.conversation import Conversation
from models.user import User
from resolvers.ids import encode
from tests.api.authzen.conftest import Pdp, conversation, question, service
from tests.served import Served

ALICE, SARA, BOB = "alice@demo.example", "sara@demo.example", "bob@demo.example"


async def test_a_stored_conversation_is_decided_by_what_is_stored(served: Served, pdp: Pdp) -> None:
    about = await conversation(served.people["alice"], region="EMEA", clearance_required=3)
    cases = {ALICE: True, SARA: True, BOB: False, "admin@demo.example": True}
    assert {who: await pdp.decides(who, "read", "conversation", about) for who in cases} == cases


async def test_what_is_stored_cannot_be_told_otherwise(served: Served, pdp: Pdp) -> None:
    about = await conversation(served.people["alice"], region="US-West", clearance_required=9)
    told = {"region": "EMEA", "clearance_required": 0, "owner_id": encode("User", served.people["sara"].id)}
    assert not await pdp.decides(SARA, "read", "conversation", about, **told)

    body = question(BOB, "read", "conversation", await conversation(served.people["alice"], region="EMEA"))
    body["subject"]["properties"] = {"region": "EMEA", "clearance": 9, "roles": ["admin"], "id": "x"}
    assert (await pdp.ask("evaluation", body))["decision"] is False


@pytest.mark.parametrize("spelling", ["address", "address in capitals", "global id"])
async def test_an_account_is_named_by_address_or_id(served: Served, pdp: Pdp, spelling: str) -> None:
    names = {
        "address": ALICE,
        "address in capitals": ALICE.upper(),
        "global id": encode("User", served.people["alice"].id),
    }
    about = await conversation(served.people["alice"])
    assert await pdp.decides(names[spelling], "read", "conversation", about)


@pytest.mark.parametrize("action", ["read", "conversation:read", "message:append"])
async def test_an_action_is_a_verb_or_a_whole_name(served: Served, pdp: Pdp, action: str) -> None:
    about = await conversation(served.people["alice"])
    assert await pdp.decides(ALICE, action, "conversation", about)
    assert not await pdp.decides(BOB, action, "conversation", about)


async def test_johns_table_holds_for_another_services_resources(pdp: Pdp) -> None:
    john = "john@demo.example"
    assert await pdp.decides(ALICE, "write", "sales_data", "2026-q1")
    assert not await pdp.decides(john, "write", "sales_data", "2026-q1")
    assert not await pdp.decides("guest@demo.example", "write", "sales_data", "2026-q1")


@pytest.mark.parametrize(
    ("subject", "action", "type_", "id_"),
    [
        ("nobody@demo.example", "read", "sales_data", "1"),
        ("VXNlcjowMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA", "read", "sales_data", "1"),
        ("root@demo.example", "fly", "sales_data", "1"),
        ("root@demo.example", "*", "sales_data", "1"),
        ("root@demo.example", "sales_data:*", "sales_data", "1"),
        ("root@demo.example", "sales_data:read_write", "sales_data", "1"),
        ("root@demo.example", "report:read", "sales_data", "1"),
        ("root@demo.example", "read", "spaceship", "1"),
        ("root@demo.example", "read", "conversation", "no id of ours"),
        ("root@demo.example", "read", "conversation", "Q29udmVyc2F0aW9uOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA"),
        ("root@demo.example", "read", "user", "nobody@demo.example"),
        ("", "", "", ""),
        ("a@b\0", "read", "conversation", "\0"),
    ],
)
async def test_what_is_unknown_is_denied_and_no_error(
    pdp: Pdp, subject: str, action: str, type_: str, id_: str
) -> None:
    unknown = await pdp.ask("evaluation", question(subject, action, type_, id_))
    denied = await pdp.ask("evaluation", question(BOB, "delete", "user", ALICE))
    assert unknown["decision"] is denied["decision"] is False
    assert unknown["context"].keys() == denied["context"].keys()
    assert unknown["context"]["reason_user"] == denied["context"]["reason_user"]


async def test_what_is_unknown_is_logged_as_any_denial_is_and_so_takes_as_long(served: Served, pdp: Pdp) -> None:
    asked = [
        question("nobody@demo.example", "write", "sales_data", "1"),
        question("john@demo.example", "fly", "sales_data", "1"),
        question("john@demo.example", "read", "conversation", encode("Conversation", "0" * 24)),
        question("john@demo.example", "write", "sales_data", "1"),
    ]
    decisions = [(await pdp.ask("evaluation", each))["context"]["id"] for each in asked]

    records = [await served.services.audit.find_decision(each) for each in decisions]

    assert [record and record.effect for record in records] == ["deny"] * 4
    assert [bool(record and record.facts) for record in records] == [False, False, False, True]
    assert "nobody@" not in repr(records), "an address that somebody tried is nobody's business"
    root, document = await served.as_("root"), "query ($id: ID!) { explainDecision(decisionId: $id) { words } }"
    assert (await root.ask(document, id=decisions[0])).codes == ["BAD_USER_INPUT"]
    log = (await root.ask("{ decisionLog(first: 3) { edges { node { summary facts actor { id } } } } }")).data
    assert log["decisionLog"]["edges"][-1]["node"]["summary"].startswith("nobody known was denied")


async def test_a_deleted_conversation_and_a_disabled_account_are_as_if_they_were_not(served: Served, pdp: Pdp) -> None:
    about = await conversation(served.people["alice"])
    await Conversation.get_pymongo_collection().update_many({}, {"$set": {"deleted": True}})
    assert not await pdp.decides(ALICE, "read", "conversation", about)

    await User.get_pymongo_collection().update_one({"email_key": BOB}, {"$set": {"disabled": True}})
    assert not await pdp.decides(BOB, "read", "sales_data", "1")


async def test_a_service_that_may_ask_why_learns_which_rule_decided(served: Served, pdp: Pdp) -> None:
    curious = await service(served, "curious", "policy_decision_client", "admin")
    asked = question("john@demo.example", "write", "sales_data", "1")
    told, hidden = await curious.ask("evaluation", asked), await pdp.ask("evaluation", asked)
    assert "report_viewer" in told["context"]["reason_admin"]["en"]
    assert "reason_admin" not in hidden["context"]
    assert len(hidden["context"]["id"]) == 32


SPECIFIED: dict[str, Any] = {
    "subject": {"type": "user", "id": ALICE},
    "action": {"name": "read"},
    "resource": {"type": "sales_data", "id": "record-1"},
}
"""What the certification scenario of AuthZEN 1.0 varies."""


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"context": {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}},
        {"foo": "bar", "futureField": {"nested": True}},
        {"action": {"name": "read", "properties": {"method": "GET"}}},
        {"resource": {"type": "sales_data", "id": "record-1", "properties": {"status": "active", "owner": "bob"}}},
        {"subject": {"type": "user", "id": ALICE, "properties": {"department": "Sales", "role": "manager"}}},
        {"context": None},
    ],
)
async def test_what_a_question_may_also_hold_changes_nothing(pdp: Pdp, more: dict[str, Any]) -> None:
    for path in ("evaluation", "evaluations"):
        assert (await pdp.ask(path, {**SPECIFIED, **more}))["decision"] is True


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subject": None}, "`subject`"),
        ({"action": None}, "`action`"),
        ({"resource": None}, "`resource`"),
        ({"subject": {"id": "alice"}}, "`subject.type`"),
        ({"subject": {"type": "user"}}, "`subject.id`"),
        ({"action": {}}, "`action.name`"),
        ({"resource": {"id": "record-1"}}, "`resource.type`"),
        ({"resource": {"type": "record"}}, "`resource.id`"),
        ({"subject": "alice"}, "`subject`"),
        ({"action": {"name": 123}}, "`action.name`"),
        ({"context": []}, "`context`"),
        ({"subject": {"type": "user", "id": "a", "properties": 1}}, "`properties`"),
        ({"subject": {"type": "user", "id": "a" * 1_025}}, "`subject.id`"),
    ],
)
async def test_what_cannot_be_meant_is_named(pdp: Pdp, change: dict[str, Any], named: str) -> None:
    response = await pdp.post("evaluation", {**SPECIFIED, **change})
    assert response.status_code == 400
    assert named in response.json()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a": 1, "a": 2}', "more than one member `a`"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "more than one member `b`"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper than 32"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON"),
    ],
)
async def test_a_body_that_is_not_plain_json_is_refused(pdp: Pdp, body: bytes, said: str) -> None:
    headers = {"Authorization": f"Bearer {pdp.token}", "Content-Type": "application/json"}
    response = await pdp.http.post("/access/v1/evaluation", content=body, headers=headers)
    assert response.status_code == 400
    assert said in response.json()


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_refused(pdp: Pdp, type_: str) -> None:
    headers = {"Authorization": f"Bearer {pdp.token}", "Content-Type": type_}
    response = await pdp.http.post("/access/v1/evaluation", content=b"{}", headers=headers)
    assert response.status_code == 400


async def test_a_large_body_is_refused(pdp: Pdp) -> None:
    response = await pdp.post("evaluation", {**SPECIFIED, "context": {"a": "x" * 300_000}})
    assert response.status_code == 413
    assert isinstance(response.json(), str)


@pytest.mark.parametrize("given", ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "any text, really/{}", "x" * 1_000])
async def test_a_requests_id_comes_back_as_it_was(pdp: Pdp, given: str) -> None:
    for body in (SPECIFIED, {}):
        assert (await pdp.post("evaluation", body, {"X-Request-ID": given})).headers["x-request-id"] == given


async def test_a_request_without_an_id_gets_one(pdp: Pdp) -> None:
    assert len((await pdp.post("evaluation", SPECIFIED)).headers["x-request-id"]) == 16


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 1e308, 2**64, "", "\0", "$where", "é\u0301"),
    *([], [[]], {}, {"$gt": 1}, {"a.b": {"": 1}}),
]


async def test_hostile_values_are_values(served: Served, pdp: Pdp) -> None:
    names = ("region", "owner_id", "clearance_required", "ip", "time", "session_age", "device", "$where", "a.b", "")
    about = await conversation(served.people["alice"], region="EMEA")
    for value in HOSTILE:
        told = dict.fromkeys(names, value)
        for type_, id_ in (("sales_data", "1"), ("report", "1"), ("conversation", about), ("message", about)):
            body = question(ALICE, "read", type_, id_, **told)
            body["context"] = body["subject"]["properties"] = body["action"]["properties"] = told
            assert isinstance((await pdp.ask("evaluation", body))["decision"], bool)
