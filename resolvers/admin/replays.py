"""Changes tried on what was really decided, and shadow policies promoted after a look at that."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Self

import strawberry

from models.audit import AuditRecord
from models.audit_list import AuditFilter, batches_of_records
from models.clock import now
from models.policy import Policy, PolicyMode
from permissions.actions import Action
from permissions.audit.events import DECISION
from permissions.engine.errors import RulesError
from permissions.engine.rules import Effect
from permissions.errors import ConflictingError, UnknownError
from permissions.questions.steps import PutPolicy, Step
from permissions.replays import LoggedFlip, Replayed, Replaying, fingerprint, unseen
from permissions.resources import AUDIT, policy_resource
from permissions.state import engine_policy
from resolvers.admin.asking import at_length, in_turn
from resolvers.admin.decisions import Decision
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.moments import utc_moment

MOST: Final = 10_000
"""Logged decisions that one replay looks at."""
AT_ONCE: Final = 500
"""So many of them are in memory, and keep the turn, at a time."""
USUAL: Final = 1_000
SHOWN: Final = 1_000
"""Flips that one answer lists."""
LOOKED_BACK: Final = timedelta(days=7)
"""How far a promotion looks back, if it isn't told."""
FRESH: Final = timedelta(hours=1)
"""How long a list of flips may be used to promote."""


@strawberry.input(description="Which logged decisions to look at: the newest of those in a time.")
class LoggedRange:
    """Bounded: a log is long."""

    from_: datetime | None = strawberry.field(default=None, name="from", description="From this moment on.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment; by default now.")
    first: int | None = strawberry.field(default=USUAL, description=f"How many at most, up to {MOST:,}.")


@strawberry.type(description="A logged decision that would have been another.")
class ReplayedFlip:
    """Before and after, with the facts as they were."""

    decision_id: strawberry.ID
    decided_at: datetime
    action: str
    logged: Effect = strawberry.field(description="What was decided then; rules may have changed since.")
    before: Decision = strawberry.field(description="By the rules of now.")
    after: Decision = strawberry.field(description="By the rules of now, with the change.")
    of_list: bool = strawberry.field(
        description="Whether it is a list that would be made by another filter. Whether that shows anything else "
        "depends on what is stored: nobody has looked."
    )

    @classmethod
    def of(cls, flip: LoggedFlip) -> Self:
        """A flip, as the schema shows it."""
        return cls(
            decision_id=strawberry.ID(flip.record.decision or ""),
            decided_at=flip.record.at,
            action=flip.record.action or "",
            logged=Effect(flip.record.effect or Effect.DENY),
            before=Decision.of(flip.before),
            after=Decision.of(flip.after),
            of_list=flip.of_list,
        )


@strawberry.type(description="What a change would have done to decisions of the log. Nothing is changed.")
class Replay:
    """The flips alone, newest first."""

    considered: int
    left_out: int = strawberry.field(
        description="Decisions whose facts were not kept: too large, or about who or what is not known."
    )
    complete: bool = strawberry.field(description="Whether there were no more in that time than were looked at.")
    flipped: int = strawberry.field(description="How many flips there are.")
    flips: list[ReplayedFlip] = strawberry.field(description=f"The newest {SHOWN:,} of them.")


@strawberry.type(description="What promoting a shadow policy would have changed.")
class PolicyPromotion:
    """The list to look at, and the digest that says that one did."""

    name: str
    replay: Replay
    digest: str = strawberry.field(description="For `promotePolicy`, within an hour.")


@strawberry.input
class PromotePolicyInput:
    """`digest` as `policyPromotion` told it."""

    name: str
    digest: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A time, of which the newest `most` decisions count."""

    since: datetime | None
    until: datetime
    most: int

    @classmethod
    def of(cls, input: LoggedRange | None) -> Self:
        """Raises `BadInputError`."""
        wanted = input or LoggedRange()
        most = USUAL if wanted.first is None else wanted.first
        if not 1 <= most <= MOST:
            raise BadInputError("overLog.first", f"must be 1 to {MOST}")
        since, until = utc_moment(wanted.from_, "overLog.from"), utc_moment(wanted.until, "overLog.until") or now()
        if since is not None and since >= until:
            raise BadInputError("overLog.until", "is not after `from`")
        return cls(since, until, most)

    async def records(self, context: Context) -> AsyncGenerator[list[AuditRecord]]:
        """The decisions that the caller may read, some at a time, and one more than `most` where there are more."""
        reach = context.access.scopes(Action.AUDIT_READ, AUDIT)
        wanted = AuditFilter({"kind": DECISION}, self.since, self.until)
        found = batches_of_records(context.db.db, reach, wanted, self.most + 1, AT_ONCE)
        async with aclosing(found):
            async for batch in found:
                yield [each.record for each in batch]


async def replay(context: Context, steps: Sequence[Step], window: Window) -> tuple[Replayed, bool]:
    """What `steps` would have changed, and whether all of that time was looked at. Raises `BadInputError`."""
    snapshot, left = (await context.permissions.world()).snapshot, window.most
    try:
        replaying = await at_length(context, lambda: Replaying(snapshot, steps, SHOWN))
    except RulesError as error:
        raise BadInputError("change", str(error)) from error
    async with aclosing(window.records(context)) as batches:
        async for records in batches:
            await in_turn(context, partial(replaying.look, records[:left]))
            left -= len(records)
    return replaying.found, left >= 0


def shown(found: Replayed, complete: bool) -> Replay:
    """A replay, as the schema shows it."""
    return Replay(
        considered=found.considered,
        left_out=found.left_out,
        complete=complete,
        flipped=found.flipped,
        flips=[ReplayedFlip.of(each) for each in found.flips],
    )


async def promotion(context: Context, name: str, since: datetime | None) -> PolicyPromotion:
    """What would become of a shadow policy. Raises `UnknownError` and `ConflictingError`."""
    policy = await _shadow(context, name, Action.POLICY_READ)
    until = now()
    window = Window(utc_moment(since, "from") or until - LOOKED_BACK, until, MOST)
    if window.since is not None and window.since >= until:
        raise BadInputError("from", "lies in the future")
    found, complete = await replay(context, [PutPolicy(engine_policy(policy))], window)
    return PolicyPromotion(name=name, replay=shown(found, complete), digest=_digest(window, policy, found))


async def promotable(context: Context, input: PromotePolicyInput) -> Policy:
    """The policy as the list was made for, if that list is still what it was. Raises `ConflictingError`.

    What was decided since may flip too, but only in ways that are on the list: else nobody could promote where much is
    decided, and nobody would have seen what he promotes.
    """
    policy = await _shadow(context, input.name, Action.POLICY_WRITE)
    window = _window(input.digest)
    found, _ = await replay(context, [PutPolicy(engine_policy(policy))], window)
    if _digest(window, policy, found) != input.digest:
        raise ConflictingError("the policy, the rules or the log have changed since: look at `policyPromotion` again")
    since, _ = await replay(context, [PutPolicy(engine_policy(policy))], Window(window.until, now(), MOST))
    if unseen(found, since):
        raise ConflictingError("what was decided since flips in ways not shown: look at `policyPromotion` again")
    return policy


async def _shadow(context: Context, name: str, action: Action) -> Policy:
    context.access.require(action, policy_resource(name))
    policy = (await context.permissions.ground()).state.policies.get(name)
    if policy is None:
        raise UnknownError("policy", name)
    if policy.mode is not PolicyMode.SHADOW:
        raise ConflictingError(f"policy `{name}` is not in shadow, but in mode `{policy.mode}`")
    return policy


def _digest(window: Window, policy: Policy, found: Replayed) -> str:
    """It tells for which time the list was made, so that the same list can be made again."""
    moments = (_milliseconds(each) for each in (window.since or window.until, window.until))
    return ".".join([*map(str, moments), fingerprint(policy, found)])


def _window(digest: str) -> Window:
    parts = digest.split(".")
    if len(parts) != 3 or not all(each.isdecimal() and each.isascii() and len(each) < 15 for each in parts[:2]):
        raise BadInputError("digest", "is not one of `policyPromotion`")
    since, until = (datetime.fromtimestamp(int(each) / 1000, UTC) for each in parts[:2])
    if not now() - FRESH <= until <= now():
        raise ConflictingError("the list of flips is older than an hour: look at `policyPromotion` again")
    return Window(since, until, MOST)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
