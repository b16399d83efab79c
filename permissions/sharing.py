"""What shares give, who may give them, and what is seen by shares alone."""

from collections.abc import Iterator
from dataclasses import replace

from models.conversation import Conversation
from models.share import FOREVER, Share, ShareAccess
from permissions.access import Access
from permissions.actions import Action
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Resource, Subject
from permissions.engine.facts import Share as Fact
from permissions.engine.rules import Effect, Rule
from permissions.engine.shares import grantees, looks_at_shares
from permissions.engine.snapshot import Snapshot
from permissions.errors import EscalationError, OutlastingError
from permissions.resources import CONVERSATION, MESSAGE, conversation_resource, message_resource


def shared_branches(
    access: Access, conversation: Conversation, action: Action = Action.MESSAGE_READ
) -> frozenset[str] | None:
    """The branches whose paths are all that the caller may do `action` to, by shares of branches; None is the whole.

    Ask it where he may do `action` at all: where he may not, it means nothing.
    """
    partial = branch_shares(access, conversation, action)
    if partial is None:
        return None
    return frozenset(name for share in partial for name in (share.branch, *share.forks) if name is not None)


def branch_shares(access: Access, conversation: Conversation, action: Action) -> list[Share] | None:
    """The shares of branches by each of which the caller may do `action`; None where he may everywhere.

    Each is judged by itself: a branch that he may read, and another that he may write on, don't make one of both.
    """
    subject, about = access.subject, message_resource(conversation)
    if subject is None or all(share.branch is None for share in about.shares):
        return None
    own = frozenset(grantees(subject, _roles(access.snapshot, subject, access.env)))
    whole = tuple(share for share in about.shares if share.branch is None)

    def allowed(*more: Fact) -> bool:
        return bool(access.snapshot.decide(subject, action, replace(about, shares=(*whole, *more)), access.env))

    partial = [
        (share, fact)
        for share, fact in zip(conversation.shares, about.shares, strict=True)
        if share.branch is not None and share.grantee in own and share.holds(access.env.time)
    ]
    if not partial or allowed():
        return None
    return [share for share, fact in partial if allowed(fact)]


def confinement(access: Access, conversation: Conversation, action: Action) -> Decision:
    """The decision that denies `action` to who may do it on branches only that are shared with him. It is logged."""
    about = _only(message_resource(conversation), None)
    subject, env = access.subject, access.env
    decision = (
        access.snapshot.decide(subject, action, about, env)
        if subject
        else access.consider(action, replace(about, id=None))
    )
    access.note(decision)
    return decision


def given(snapshot: Snapshot, access: ShareAccess) -> list[Action]:
    """The actions that such a share may allow, by the rules as they are."""
    about = [action for action in Action if action.resource_type in (CONVERSATION, MESSAGE)]
    wanted = {access.value, ShareAccess.READ.value}
    return [action for action in about if any(_gives(rule, wanted) for rule in _rules(snapshot, action))]


def require_to_give(access: Access, conversation: Conversation, share: Share) -> None:
    """Raise `EscalationError` unless the caller may do all that `share` gives, there and for as long.

    What he has by a share of one branch, he gives for that branch at most. Hours in which he may do it, or addresses
    from where, are looked at as they are now.
    """
    subject, env = access.subject, access.env
    access.require_signed_in()
    if subject is None:
        return
    actions = given(access.snapshot, share.access)
    for kind, who, least in (
        (EscalationError, subject, None),
        (OutlastingError, _lasting(subject, share), share),
    ):
        beyond = [
            action
            for action in actions
            if not access.snapshot.decide(who, action, _about(conversation, action, share, least), env)
        ]
        if beyond:
            denial = Decision(
                subject.id,
                Action.CONVERSATION_SHARE,
                conversation_resource(conversation),
                Effect.DENY,
                ("no escalation",),
                (),
                env.time,
                access.snapshot.revision,
            )
            raise kind(denial, beyond)


def _rules(snapshot: Snapshot, action: Action) -> Iterator[Rule]:
    """Of whatever role, and the policies."""
    levels = snapshot.conventions.levels.get(action, ())
    yield from snapshot.plan((), action).rules
    for role in snapshot.compiled.speaking(action, levels):
        yield from snapshot.compiled.granted[role].of(action, levels)


def _gives(rule: Rule, wanted: set[str]) -> bool:
    return not rule.denies and looks_at_shares(rule.condition, wanted)


def _about(conversation: Conversation, action: Action, share: Share, least: Share | None) -> Resource:
    """With those shares only that reach as far as `share`, and last as long as `least`."""
    about = message_resource if action.resource_type == MESSAGE else conversation_resource
    resource = _only(about(conversation), share.branch)
    kept = (each for each in resource.shares if least is None or each.until >= least.until)
    return replace(resource, shares=tuple(kept))


def _lasting(subject: Subject, share: Share) -> Subject:
    """With those roles only that he holds for as long."""
    until = None if share.until == FOREVER else share.until
    kept = (
        each
        for each in subject.assignments
        if each.window is None and (each.valid_until is None or (until is not None and each.valid_until >= until))
    )
    return replace(subject, assignments=tuple(kept))


def _only(resource: Resource, branch: str | None) -> Resource:
    """With the shares of all of it, and those of one branch."""
    return replace(resource, shares=tuple(each for each in resource.shares if each.branch in (None, branch)))


def _roles(snapshot: Snapshot, subject: Subject, env: Env) -> tuple[str, ...]:
    return snapshot.plan(subject.roles_at(env.time), Action.MESSAGE_READ).roles
