"""What was decided and done, as an admin reads it: all of it is there before the answer."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, cast

import pytest

from models.audit import AuditRecord
from models.database import Record
from permissions.access import Access
from permissions.actions import Action
from permissions.audit.anchors import MemoryAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.checking import check
from permissions.audit.events import SYSTEM, Target
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Client, Principal, new_id
from permissions.resources import audit_resource
from resolvers.context import Context
from resolvers.ids import encode
from tests.resolvers.chat.documents import START, chat
from tests.served import SECRET, Answer, Served, schema

EVENTS = """query ($first: Int, $after: String, $filter: AuditFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id at kind actor { id displayName } action resourceType resourceId effect decidedBy decisionId
      strategy revision requestId ip sessionId reason summary facts before after } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
LOG = "query ($filter: AuditFilter) { decisionLog(filter: $filter) { edges { node { kind effect decisionId } } } }"
DELETE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
EXPLAIN = "query ($id: ID) { explainDecision(decisionId: $id) { decision { allowed } rolesHeld words } }"


def nodes(answer: Answer, field: str = "auditEvents") -> list[dict[str, Any]]:
    return [edge["node"] for edge in answer.data[field]["edges"]]


async def stored(served: Served) -> list[Record]:
    blocks = await served.services.database.db.audit_blocks.find({}).to_list()
    return [record for block in sorted(blocks, key=lambda each: int(each["_id"])) for record in block["records"]]


async def denied(served: Served, name: str = "sara") -> tuple[str, str]:
    """Somebody is refused something: the conversation's id, and the decision's."""
    conversation, _ = await chat(await served.as_("alice"), 0, attributes={"region": "EMEA", "clearance_required": 1})
    answer = await (await served.as_(name)).ask(DELETE, id=conversation)
    assert answer.codes == ["FORBIDDEN"]
    return conversation, answer.body["errors"][0]["extensions"]["decisionId"]


async def test_a_denial_is_on_disk_when_the_answer_comes(served: Served) -> None:
    _, decision = await denied(served)
    (record,) = await stored(served)
    assert (record["decision"], record["effect"], record["action"]) == (decision, "deny", "conversation:delete")
    assert record["by"] == str(served.people["sara"].id)


async def test_a_denial_that_can_not_be_stored_is_not_answered(served: Served) -> None:
    conversation, _ = await chat(await served.as_("alice"), 0, attributes={"region": "EMEA", "clearance_required": 1})
    sara = await served.as_("sara")
    await served.services.database.db.audit_blocks.insert_one({"_id": 1})
    await served.services.database.db.command(
        {"collMod": "audit_blocks", "validator": {"kind": "never"}, "validationLevel": "strict"}
    )
    answer = await sara.ask(DELETE, id=conversation)
    assert answer.codes == ["UNAVAILABLE"]
    assert answer.body.get("data") is None


async def test_an_admin_reads_who_was_denied_what_and_why(served: Served) -> None:
    conversation, decision = await denied(served)
    (event,) = nodes(await (await served.as_("admin")).ask(EVENTS))
    sara = served.people["sara"]
    assert event["actor"] == {"id": encode("User", sara.id), "displayName": "Sara"}
    assert (event["kind"], event["effect"], event["action"]) == ("decision", "DENY", "conversation:delete")
    assert (event["resourceType"], event["resourceId"]) == ("conversation", conversation)
    assert (event["decisionId"], event["strategy"]) == (decision, "deny_overrides")
    assert event["facts"]["roles"] == ["senior_analyst"]
    assert event["facts"]["resource"]["clearance_required"] == 1
    assert event["summary"].startswith("Sara (senior_analyst, EMEA, Sales, L3) was denied delete of Conversation#")
    assert all(event[name] for name in ("id", "at", "revision", "requestId", "sessionId", "reason"))


@pytest.mark.parametrize("who", ["alice", "sara", "guest"])
async def test_nobody_else_reads_it_and_that_is_logged_too(served: Served, who: str) -> None:
    answer = await (await served.as_(who)).ask(EVENTS)
    assert answer.codes == ["FORBIDDEN"]
    (record,) = await stored(served)
    assert (record["action"], record["effect"]) == ("audit:read", "deny")


async def test_pages_are_stable_while_the_log_grows(served: Served) -> None:
    admin, sara = await served.as_("admin"), await served.as_("sara")
    decisions = [(await denied(served))[1] for _ in range(7)]
    seen: list[str] = []
    after = None
    while True:
        page = await admin.ask(EVENTS, first=2, after=after)
        seen += [node["decisionId"] for node in nodes(page)]
        await sara.ask(EVENTS)
        info = page.data["auditEvents"]["pageInfo"]
        assert info["hasPreviousPage"] == (after is not None)
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert seen == decisions[::-1]


async def test_each_filter_finds_what_it_says(served: Served) -> None:
    conversation, decision = await denied(served)
    await (await served.as_("guest")).ask(EVENTS)
    admin = await served.as_("admin")
    sara, guest = (encode("User", served.people[name].id) for name in ("sara", "guest"))
    moment = nodes(await admin.ask(EVENTS, filter={"actorId": sara}))[0]["at"]
    for wanted, number in (
        ({"actorId": sara}, 1),
        ({"actorId": guest, "action": "audit:read"}, 1),
        ({"actorId": guest, "action": "conversation:delete"}, 0),
        ({"kind": "decision"}, 2),
        ({"kind": "role.changed"}, 0),
        ({"resourceId": conversation}, 1),
        ({"resourceType": "conversation"}, 1),
        ({"resourceId": "another"}, 0),
        ({"decisionId": decision}, 1),
        ({"effect": "DENY"}, 2),
        ({"effect": "ALLOW"}, 0),
        ({"from": moment}, 2),
        ({"until": moment}, 0),
        ({"from": "2000-01-01T00:00:00", "until": "2001-01-01T00:00:00+01:00"}, 0),
        ({"from": moment, "until": "2100-01-01T00:00:00Z", "actorId": sara}, 1),
    ):
        assert len(nodes(await admin.ask(EVENTS, filter=wanted))) == number, wanted
        if wanted.get("kind", "decision") == "decision":
            assert len(nodes(await admin.ask(LOG, filter=wanted), "decisionLog")) == number, wanted


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 101},
        {"after": "x"},
        {"after": encode("User", "0" * 24)},
        {"after": encode("AuditEvent", "-1", "0")},
        {"after": encode("AuditEvent", "9" * 40, "0")},
        {"filter": {"actorId": "x"}},
        {"filter": {"kind": "x" * 201}},
        {"filter": {"action": "\x00"}},
    ],
)
async def test_what_can_not_be_meant_is_refused(served: Served, arguments: dict[str, Any]) -> None:
    assert (await (await served.as_("admin")).ask(EVENTS, **arguments)).codes == ["BAD_USER_INPUT"]


async def test_a_logged_denial_is_explained_to_whom_it_met_and_to_an_admin_and_to_nobody_else(served: Served) -> None:
    _, decision = await denied(served)
    for name in ("sara", "admin"):
        explained = (await (await served.as_(name)).ask(EXPLAIN, id=decision)).data["explainDecision"]
        assert explained["decision"] == {"allowed": False}
    assert (await (await served.as_("alice")).ask(EXPLAIN, id=decision)).codes == ["BAD_USER_INPUT"]
    assert (await (await served.as_("admin")).ask(EXPLAIN, id="another")).codes == ["BAD_USER_INPUT"]


CREATE = "mutation ($input: RoleInput!) { createRole(input: $input) { role { name } } }"


async def test_a_change_by_an_admin_is_on_disk_when_the_answer_comes(served: Served) -> None:
    root = await served.as_("root")
    (await root.ask(CREATE, input={"name": "editor", "grants": [{"action": "conversation:read"}]})).data  # noqa: B018
    (record,) = await stored(served)
    assert (record["kind"], record["resource_type"], record["resource_id"]) == ("role.created", "role", "editor")
    assert (record["by"], record["ip"]) == (str(served.people["root"].id), "127.0.0.1")
    (event,) = nodes(await (await served.as_("admin")).ask(EVENTS, filter={"kind": "role.created"}))
    assert event["before"] is None
    assert event["after"]["grants"][0]["action"] == "conversation:read"


async def test_a_refused_escalation_is_logged_with_the_id_that_the_answer_has(served: Served) -> None:
    assign = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { assignment { id } } }"
    admin = await served.as_("admin")
    answer = await admin.ask(assign, input={"userId": encode("User", served.people["bob"].id), "role": "super_admin"})
    assert answer.codes == ["FORBIDDEN"]
    assert [record["decision"] for record in await stored(served)] == [
        answer.body["errors"][0]["extensions"]["decisionId"]
    ]


async def test_a_wrong_login_is_logged_and_the_address_is_not(served: Served) -> None:
    login = 'mutation { login(input: {email: "%s", password: "hunter2"}) { expiresIn } }'
    for email in ("sara@demo.example", "nobody@demo.example"):
        assert (await served.nobody.ask(login % email)).codes == ["UNAUTHENTICATED"]
    first, second = await stored(served)
    assert (first["kind"], first["resource_id"]) == ("login.failed", str(served.people["sara"].id))
    assert "resource_id" not in second
    assert not any("hunter2" in repr(each) or "demo.example" in repr(each) for each in (first, second))


async def test_what_is_written_holds_together(served: Served) -> None:
    for _ in range(3):
        await denied(served)
    database = served.services.database
    head = await Blocks(database.db).end(await Blocks(database.db).start())
    report = await check(Blocks(database.db), Sealer(SECRET), MemoryAnchor(head))
    assert (report.findings, report.records) == ([], 3)


async def test_allowed_requests_write_nothing_while_they_last(served: Served) -> None:
    alice = await served.as_("alice")
    (await alice.ask(START, input={"title": "new"})).data  # noqa: B018
    assert await stored(served) == []


MOVE = """mutation ($id: ID!) { updateConversation(input: {conversationId: $id,
  attributes: {region: "US-West", clearance_required: 1}}) { conversation { id } } }"""
WATCH = """subscription ($id: ID!) { conversationEvents(conversationId: $id, after: "0-0") {
  __typename ... on AccessRevoked { decisionId } } }"""


def context(served: Served, name: str, access: Access) -> Context:
    """A socket's."""
    services = served.services
    return Context(
        principal=Principal(served.people[name].id, new_id()),
        access=access,
        client=Client("192.0.2.7", request_id="socket 1"),
        db=services.database,
        tree=services.tree,
        attachments=services.attachments,
        search=services.search,
        usage=services.usage,
        cursors=services.cursors,
        broker=services.broker,
        texts=services.texts,
        standings=services.standings,
        accounts=services.authentication.accounts,
        rotation=services.rotation,
        revocation=services.revocation,
        permissions=services.permissions,
        changes=services.changes,
        audit=services.audit,
        judge=lambda principal, _: services.permissions.access(principal),
    )


async def test_an_end_of_access_is_on_disk_when_the_socket_tells_of_it(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1, attributes={"region": "EMEA", "clearance_required": 1})
    sara = Principal(served.people["sara"].id, new_id())
    access = await served.services.permissions.access(sara)
    on_socket = replace(context(served, "sara", access), socket=True, cutoff=Cutoff())
    stream = await schema().subscribe(WATCH, {"id": conversation}, context_value=on_socket)
    told = await news(stream)
    assert told["__typename"] != "AccessRevoked"
    (await alice.ask(MOVE, id=conversation)).data  # noqa: B018
    while told["__typename"] != "AccessRevoked":
        told = await news(stream)
    (record,) = await stored(served)
    assert (told["decisionId"], record["request"], record["effect"]) == (record["decision"], "socket 1", "deny")
    await stream.aclose()


async def news(stream: AsyncGenerator[Any, None]) -> dict[str, Any]:
    """What the next answer on the socket tells."""
    answer = await asyncio.wait_for(anext(stream), 10)
    assert answer.errors is None
    return cast(dict[str, Any], answer.data["conversationEvents"])


async def test_who_may_read_a_part_of_it_reads_that_part(served: Served) -> None:
    """The list is what the check allows, record by record."""
    grants = [{"action": "audit:read", "condition": 'resource.kind == "decision" && resource.effect == "deny"'}]
    root = await served.as_("root")
    (await root.ask(CREATE, input={"name": "auditor", "grants": grants})).data  # noqa: B018
    assign = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { assignment { id } } }"
    (await root.ask(assign, input={"userId": encode("User", served.people["bob"].id), "role": "auditor"})).data  # noqa: B018
    await denied(served)
    await served.services.audit.write("test", SYSTEM, Target("thing"))
    access = await served.services.permissions.access(Principal(served.people["bob"].id, new_id()))
    records = [AuditRecord.model_validate(each) for each in await stored(served)]
    allowed = [each for each in records if access.consider(Action.AUDIT_READ, audit_resource(each))]
    shown = nodes(await (await served.as_("bob")).ask(EVENTS))
    assert [each["decisionId"] for each in shown] == [each.decision for each in allowed]
    assert (len(records), len(allowed)) == (4, 1)
