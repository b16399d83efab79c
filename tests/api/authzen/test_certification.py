"""The fixture of the certification scenario of AuthZEN 1.0, its eight decisions, and its searches for what we store."""

from typing import Any

import pytest

from models.clock import now
from models.policy import Policy
from models.resource_type import ResourceType
from models.role import Grant, GrantEffect, Role, RoleAssignment
from permissions.changes import SYSTEM
from resolvers.ids import encode
from tests.api.authzen.conftest import Pdp, service
from tests.served import Served

ALICE, BOB = "alice@demo.example", "bob@demo.example"
ADMIN = 'has(user.role) && user.role == "admin"'
ARCHIVED = 'has(resource.status) && resource.status == "archived"'


@pytest.fixture
async def certified(served: Served) -> Pdp:
    """A service, and the scenario's rules."""
    reading = Grant(action="record:read")
    await served.services.changes.put(
        [
            ResourceType(id="user", actions=[], attributes={"role": "string"}),
            ResourceType(
                id="record",
                actions=["read", "write", "delete"],
                attributes={"status": "string"},
                context={"soft": "bool"},
            ),
            Role(
                id="record_writer",
                grants=[
                    reading,
                    Grant(action="record:write"),
                    Grant(action="record:delete", condition="has(env.soft) && env.soft"),
                ],
            ),
            Role(id="record_reader", grants=[reading]),
            Policy(
                id="archived_records",
                effect=GrantEffect.DENY,
                actions=["record:write"],
                when=ARCHIVED,
                unless=ADMIN,
            ),
            Policy(
                id="record_admins", effect=GrantEffect.ALLOW, actions=["record:write"], when=f"{ADMIN} && {ARCHIVED}"
            ),
        ],
        SYSTEM,
    )
    for name, role in (("alice", "record_writer"), ("bob", "record_reader")):
        given = RoleAssignment(user_id=served.people[name].id, role=role, granted_at=now())
        await served.services.changes.assign(given, SYSTEM)
    return await service(served, "harness", "policy_decision_client")


def asked(
    who: str, verb: str, id_: str, *, role: str | None = None, status: str | None = None, soft: bool | None = None
) -> dict[str, Any]:
    """A question, with properties where the scenario has some."""
    parts: dict[str, Any] = {
        "subject": {"type": "user", "id": who},
        "action": {"name": verb},
        "resource": {"type": "record", "id": id_},
    }
    told = (("subject", {"role": role}), ("resource", {"status": status}), ("action", {"soft": soft}))
    for part, properties in told:
        if None not in properties.values():
            parts[part]["properties"] = properties
    return parts


RULES = [
    (asked(ALICE, "read", "record-1"), True),
    (asked(ALICE, "write", "record-1"), True),
    (asked(BOB, "read", "record-1"), True),
    (asked(BOB, "write", "record-1"), False),
    (asked(ALICE, "write", "record-2", status="archived"), False),
    (asked(BOB, "write", "record-2", role="admin", status="archived"), True),
    (asked(ALICE, "delete", "record-1", soft=True), True),
    (asked(ALICE, "delete", "record-1", soft=False), False),
]


async def test_the_eight_decisions(certified: Pdp) -> None:
    wanted = [decision for _, decision in RULES]
    for context in ({}, {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}):
        single = [(await certified.ask("evaluation", {**body, "context": context}))["decision"] for body, _ in RULES]
        batch = await certified.ask("evaluations", {"context": context, "evaluations": [body for body, _ in RULES]})
        assert single == [each["decision"] for each in batch["evaluations"]] == wanted


async def test_the_searches_for_subjects_and_actions(served: Served, certified: Pdp) -> None:
    body = asked(ALICE, "read", "record-1")
    del body["subject"]["id"]
    found = {each["id"] for each in (await certified.ask("search/subject", body))["results"]}
    assert found >= {encode("User", served.people[name].id) for name in ("alice", "bob")}

    for question, verbs in ((RULES[0][0], {"read", "write"}), (RULES[5][0], {"write"})):
        sought = {name: part for name, part in question.items() if name != "action"}
        assert {each["name"] for each in (await certified.ask("search/action", sought))["results"]} >= verbs


async def test_each_denial_is_in_the_log_when_the_answer_comes(certified: Pdp, served: Served) -> None:
    batch = await certified.ask("evaluations", {"evaluations": [body for body, _ in RULES]})
    for answer in batch["evaluations"]:
        if not answer["decision"]:
            record = await served.services.audit.find_decision(answer["context"]["id"])
            assert record is not None
            assert record.session is not None
