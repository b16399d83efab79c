"""One caller and one request: what is asked once, and what a denial gives away."""

import pytest

from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import TokenExpiredError, UnauthenticatedError
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.errors import DeniedError
from permissions.resources import CONVENTIONS
from tests.permissions.worlds import NOON

OWN = "resource.owner_id == user.id"
SNAPSHOT = Snapshot(
    [
        Role("reader", grants=(Grant(Effect.ALLOW, "conversation:read"), Grant(Effect.ALLOW, "message:read"))),
        Role("muted", grants=(Grant(Effect.DENY, "message:append"),)),
    ],
    [Policy("own", Effect.ALLOW, ("conversation:*", "message:*"), when=OWN)],
    conventions=CONVENTIONS,
)
HERS = Resource("conversation", "1", {"owner_id": "alice"})
HER_MESSAGES = Resource("message", "1", {"owner_id": "alice"})


def access(user: str, *roles: str) -> Access:
    return Access(SNAPSHOT, Subject(user, tuple(Assignment(role) for role in roles)), Env(NOON))


def test_a_question_about_a_resource_is_decided_once() -> None:
    alice = access("alice")

    assert alice.decide(Action.CONVERSATION_READ, HERS) is alice.decide(Action.CONVERSATION_READ, HERS)
    assert alice.decide(Action.CONVERSATION_READ, HERS) is not alice.decide(Action.CONVERSATION_DELETE, HERS)
    assert alice.decide(Action.MESSAGE_READ, HER_MESSAGES) is not alice.decide(Action.MESSAGE_READ, HERS)


def test_what_has_no_id_is_decided_each_time() -> None:
    alice = access("alice")

    assert alice.decide(Action.CONVERSATION_CREATE, Resource("conversation", None, {"owner_id": "alice"}))
    assert not alice.decide(Action.CONVERSATION_CREATE, Resource("conversation", None, {"owner_id": "bob"}))


def test_a_denial_hides_what_the_caller_may_not_read() -> None:
    with pytest.raises(DeniedError) as blind:
        access("bob").require(Action.MESSAGE_APPEND, HER_MESSAGES)
    with pytest.raises(DeniedError) as seeing:
        access("bob", "reader").require(Action.MESSAGE_APPEND, HER_MESSAGES)

    assert not blind.value.visible
    assert seeing.value.visible
    assert str(seeing.value) == "not allowed: `message:append`"


def test_a_denial_of_reading_is_never_visible() -> None:
    with pytest.raises(DeniedError) as denied:
        access("bob").require(Action.CONVERSATION_READ, HERS)

    assert not denied.value.visible


def test_of_an_unknown_type_nothing_is_visible() -> None:
    with pytest.raises(DeniedError) as denied:
        access("bob").require("report:read", Resource("report", "1"))

    assert not denied.value.visible


def test_before_loading_only_the_hopeless_are_refused() -> None:
    alice = access("alice", "muted")

    assert alice.require_foreseen(Action.CONVERSATION_READ), "she may have conversations of her own"
    for action in (Action.MESSAGE_APPEND, Action.USER_LIST):
        with pytest.raises(DeniedError) as denied:
            alice.require_foreseen(action)
        assert denied.value.visible


def test_nobody_may_nothing_and_is_told_to_sign_in() -> None:
    nobody = Access(SNAPSHOT, None, Env(NOON))

    assert not nobody.decide(Action.CONVERSATION_READ, HERS)
    assert not nobody.foresee(Action.CONVERSATION_READ)
    assert nobody.scopes(Action.CONVERSATION_READ, "conversation") == ()
    for ask in (
        lambda: nobody.require(Action.CONVERSATION_READ, HERS),
        lambda: nobody.require_foreseen(Action.CONVERSATION_READ),
        nobody.require_signed_in,
    ):
        with pytest.raises(UnauthenticatedError):
            ask()


def test_whose_proof_was_refused_learns_why() -> None:
    late = Access(SNAPSHOT, None, Env(NOON), TokenExpiredError())

    with pytest.raises(TokenExpiredError):
        late.require(Action.CONVERSATION_READ, HERS)


def test_permitted_lists_the_actions_of_each_type() -> None:
    assert access("bob", "reader").permitted(HERS, HER_MESSAGES) == [Action.CONVERSATION_READ, Action.MESSAGE_READ]
    hers = access("alice", "muted").permitted(HERS, HER_MESSAGES)
    assert Action.CONVERSATION_SHARE in hers
    assert Action.MESSAGE_APPEND not in hers


def test_what_is_not_there_is_logged_as_a_denial_once() -> None:
    bob, nobody = access("bob"), Access(SNAPSHOT, None, Env(NOON))
    for each in (bob, bob, nobody):
        each.miss(Action.CONVERSATION_READ, "conversation", "2")

    (taken,) = bob.takings().denied
    assert (taken.decision.action, taken.decision.resource.id, taken.known) == ("conversation:read", "2", False)
    assert not nobody.takings()
