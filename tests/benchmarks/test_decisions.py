"""A decision among 1,000 roles and 1,000 policies, beside pycasbin and cedarpy on the same rules, in turn.

The rule is the case study's: an analyst reads the reports of his region, up to his clearance. All are asked for
what the last of the rules allows, so that who goes through them one by one goes through every one of them.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import pytest

from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from tests.benchmarks.report import Table, publish
from tests.permissions.worlds import NOON

casbin = pytest.importorskip("casbin", reason="the extra `bench`")
cedarpy = pytest.importorskip("cedarpy", reason="the extra `bench`")
pytestmark = pytest.mark.benchmark

MANY: Final = 1_000
LAST: Final = MANY - 1
ROUNDS: Final = 9
NEAR: Final = "user.region == resource.region && user.clearance >= resource.clearance_required"
PERSON: Final[dict[str, Any]] = {"region": "EMEA", "clearance": 2}
REPORT: Final[dict[str, Any]] = {"region": "EMEA", "clearance_required": 2}
RBAC_MICROSECONDS: Final = 2.0
ABAC_MICROSECONDS: Final = 5.0
BEYOND_CASBIN: Final = 100

CASBIN: Final = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = role, type, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && r.obj.type == p.type && g(r.sub.name, p.role)"""
CASBIN_NEAR: Final = " && r.sub.region == r.obj.region && r.sub.clearance >= r.obj.clearance_required"

Ask = Callable[[], bool]


def ours(action: str) -> Ask:
    """Roles that may look, may read what is near, and policies besides."""
    roles = [
        Role(f"role{n}", grants=(Grant(Effect.ALLOW, f"type{n}:look"), Grant(Effect.ALLOW, f"type{n}:read", NEAR)))
        for n in range(MANY)
    ]
    policies = [
        Policy(f"own{n}", Effect.ALLOW, (f"type{n}:write",), "resource.owner_id == user.id") for n in range(MANY)
    ]
    snapshot, env = Snapshot(roles, policies), Env(NOON)
    subject, resource = Subject("alice", (Assignment(f"role{LAST}"),), PERSON), Resource(f"type{LAST}", "1", REPORT)
    return lambda: bool(snapshot.decide(subject, f"type{LAST}:{action}", resource, env))


class Fields:
    """What casbin's matchers read by the dot."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def of_casbin(matcher: str) -> Ask:
    """The same roles, each with its line."""
    model = casbin.Model()
    model.load_model_from_text(CASBIN + matcher)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies([[f"role{n}", f"type{n}", "read"] for n in range(MANY)])
    enforcer.add_grouping_policy("alice", f"role{LAST}")
    subject, resource = Fields(name="alice", **PERSON), Fields(type=f"type{LAST}", **REPORT)
    return lambda: bool(enforcer.enforce(subject, resource, "read"))


def of_cedar(condition: str) -> Ask:
    """The same roles, parsed once."""
    policies = cedarpy.PolicySet.from_str("\n".join(_cedar(n, condition) for n in range(MANY)))
    alice, role, report = ({"type": type_, "id": id_} for type_, id_ in (("U", "alice"), ("R", f"r{LAST}"), ("T", "1")))
    entities: list[dict[Any, Any]] = [
        {"uid": alice, "attrs": PERSON, "parents": [role]},
        {"uid": role, "attrs": {}, "parents": []},
        {"uid": report, "attrs": {**REPORT, "kind": f"type{LAST}"}, "parents": []},
    ]
    request = {"principal": 'U::"alice"', "action": 'Action::"read"', "resource": 'T::"1"', "context": {}}
    return lambda: bool(cedarpy.is_authorized(request, policies, entities).allowed)


def _cedar(number: int, condition: str) -> str:
    return (
        f'permit(principal in R::"r{number}", action == Action::"read", resource) '
        f'when {{ resource.kind == "type{number}"{condition} }};'
    )


CEDAR_NEAR: Final = " && principal.region == resource.region && principal.clearance >= resource.clearance_required"


def microseconds(ask: Ask, times: int) -> float:
    """A call's mean time."""
    started = time.perf_counter()
    for _ in range(times):
        ask()
    return (time.perf_counter() - started) / times * 1e6


def test_a_decision_takes_microseconds_and_a_hundredth_of_the_time_of_others() -> None:
    contest: dict[str, tuple[Ask, Ask, int]] = {
        "this engine": (ours("look"), ours("read"), 20_000),
        "pycasbin": (of_casbin(""), of_casbin(CASBIN_NEAR), 20),
        "cedarpy": (of_cedar(""), of_cedar(CEDAR_NEAR), 20),
    }
    assert all(plain() and near() for plain, near, _ in contest.values())
    rounds = [
        {
            name: (microseconds(plain, times), microseconds(near, times))
            for name, (plain, near, times) in contest.items()
        }
        for _ in range(ROUNDS)
    ]
    found = {name: [median(each[name][kind] for each in rounds) for kind in (0, 1)] for name in contest}
    rows = [[name, *(f"{figure:,.1f}" for figure in figures)] for name, figures in found.items()]
    publish("decisions", [Table("A decision, µs (median)", ["", "by role", "with one condition"], rows)])

    assert found["this engine"][0] <= RBAC_MICROSECONDS
    assert found["this engine"][1] <= ABAC_MICROSECONDS
    assert all(found["pycasbin"][kind] >= BEYOND_CASBIN * found["this engine"][kind] for kind in (0, 1))
