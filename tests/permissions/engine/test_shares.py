"""`shared("read")`: closure and filter, and what else is told of it."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from models.audit import AuditRecord
from models.clock import now
from permissions.access import Taken
from permissions.audit.events import SYSTEM, decided
from permissions.audit.replay import replay
from permissions.engine.cel.compile import compiled
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import ConditionError
from permissions.engine.facts import Assignment, Env, Facts, Resource, Share, Subject
from permissions.engine.filters import Fields, equalities
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.shares import MOST_APART, Shared, looks_at_shares
from permissions.engine.snapshot import Snapshot
from permissions.escalation import Clause, constant
from permissions.questions.effective import PermissionEffect, effective
from permissions.resources import CONVENTIONS, schemas
from tests.permissions.worlds import NOON

ME, MILLISECOND = ObjectId(), timedelta(milliseconds=1)
SHARED = Policy("shared", Effect.ALLOW, ("conversation:read",), 'shared("read")')
ROLES = [Role("base"), Role("heir", ("base",))]


def facts(*shares: Share, roles: tuple[str, ...] = (), **attributes: Any) -> Facts:
    return Facts(Subject(ME), roles, Resource("conversation", ObjectId(), attributes, shares), Env(NOON))


def share(grantee: str = f"user:{ME}", *, writes: bool = False, after: timedelta = MILLISECOND) -> Share:
    return Share(grantee, writes, NOON + after)


@pytest.mark.parametrize(
    ("access", "shares", "roles", "wanted"),
    [
        ("read", [share()], (), True),
        ("read", [share(writes=True)], (), True),
        ("write", [share(writes=True)], (), True),
        ("write", [share()], (), False),
        ("read", [share(after=timedelta(0))], (), False),
        ("read", [share(after=-MILLISECOND)], (), False),
        ("read", [share(f"user:{ObjectId()}")], (), False),
        ("read", [share("role:base")], ("base",), True),
        ("read", [share("role:base")], (), False),
        ("read", [share(f"role:{ME}")], (), False),
        # What holds must hold of one share.
        ("write", [share(), share("role:base", writes=True)], (), False),
        ("write", [share(writes=True, after=timedelta(0)), share()], (), False),
    ],
)
def test_one_share_must_do_all_of_it(access: str, shares: list[Share], roles: tuple[str, ...], wanted: bool) -> None:
    assert Shared(access).test()(facts(*shares, roles=roles)) is wanted


def test_no_attribute_is_a_share() -> None:
    forged = [{"grantee": f"user:{ME}", "access": "write", "until": NOON + MILLISECOND}]
    assert Shared("read").test()(facts(shares=forged, grantees=[f"user:{ME}"])) is False


def test_what_nobody_can_share_is_shared_with_nobody() -> None:
    true, false = Shared("read").pair(facts(), Fields())
    assert (true, false) == (None, {})
    (schema,) = schemas(["user:read"])
    with pytest.raises(ConditionError, match="only conversations"):
        compiled('shared("read")', schema)


def test_each_grantee_has_a_scope_with_an_equality_whatever_else_the_rules_say() -> None:
    """Also where a denial is joined to each; of somebody with very many roles all have one."""
    deny = Policy("deny", Effect.DENY, ("conversation:read",), "resource.x == 1")
    snapshot = Snapshot(ROLES, [SHARED, deny], conventions=CONVENTIONS)
    scopes = snapshot.scopes(Subject(ME, (Assignment("heir"),)), "conversation:read", "conversation", Env(NOON))
    assert sorted(equalities(scope)["grantees"] for scope in scopes) == ["role:base", "role:heir", f"user:{ME}"]
    many = [Role(f"r{n}") for n in range(MOST_APART)]
    held = tuple(Assignment(role.name) for role in many)
    (one,) = Snapshot(many, [SHARED], conventions=CONVENTIONS).scopes(
        Subject(ME, held), "conversation:read", "conversation", Env(NOON)
    )
    assert len(one["grantees"]["$in"]) == MOST_APART + 1


def test_rules_that_look_at_shares_are_known_as_such() -> None:
    nested = compiled('user.teams.exists(t, t == "a" && (shared("write") || !has(user.x)))')
    assert looks_at_shares(nested, {"write"})
    assert not looks_at_shares(nested, {"read"})
    assert not constant(Clause(True, "*", 'shared("read")'))


def test_an_effective_permission_by_shares_is_conditional() -> None:
    (found,) = effective(
        Snapshot(ROLES, [SHARED], conventions=CONVENTIONS), Subject(ME), ["conversation:read"], Env(NOON)
    )
    assert (found.effect, found.condition) == (PermissionEffect.CONDITIONAL, 'shared("read")')


def test_a_logged_decision_is_replayed_with_the_shares_that_may_have_counted() -> None:
    snapshot = Snapshot(ROLES, [SHARED], conventions=CONVENTIONS)
    subject, other = Subject(ME), share(f"user:{ObjectId()}")
    resource = Resource("conversation", ObjectId(), {}, (share(), other, share("role:base")))
    decision = snapshot.decide(subject, "conversation:read", resource, Env(NOON))
    assert decision
    taken = Taken(decision, subject, Env(NOON), ConflictStrategy.DENY_OVERRIDES)
    record = AuditRecord.model_validate({"n": 1, **decided(taken, SYSTEM, now())})
    assert str(other.grantee) not in str(record.facts)
    found = replay(record)
    assert found
    assert found.question.resource.shares == (share(), share("role:base"))
    assert found.question.decide(snapshot)


def test_grants_of_roles_may_look_at_shares_too() -> None:
    role = Role("reader", (), (Grant(Effect.ALLOW, "conversation:delete", 'shared("write")'),))
    snapshot = Snapshot([role], conventions=CONVENTIONS)
    subject = Subject(ME, (Assignment("reader"),))
    for writes in (True, False):
        about = Resource("conversation", ObjectId(), {}, (share(writes=writes),))
        assert bool(snapshot.decide(subject, "conversation:delete", about, Env(NOON))) is writes
