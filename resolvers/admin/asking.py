"""From what a client asks to a question for the engine: who, what, when, and how much of it the asker may know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from beanie import PydanticObjectId

from models.user import User
from permissions.actions import Action, resource_type
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Resource, Subject
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.questions.known import known_actions
from permissions.questions.question import Question
from permissions.questions.sight import Sight
from permissions.resources import permission_resource, user_resource
from resolvers.admin.decisions import PermissionQuestion
from resolvers.admin.free_form import free_form
from resolvers.admin.targets import target
from resolvers.context import Context
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import object_id
from resolvers.moments import moment

Answer = TypeVar("Answer")

NOTHING: Final[Mapping[str, Any]] = {}

QUESTION: Final = 1
PAST: Final = 19
"""What a question about the past costs beside: its rules may have to be compiled."""
LONG: Final = 50
"""What a question costs for which all rules, or all accounts, are gone through."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the rules it is put to, and what the asker may know.

    `known` is whether he may know of the resource. If not, it is answered as if there were none.
    """

    question: Question
    snapshot: Snapshot
    sight: Sight
    known: bool

    def decide(self) -> Decision:
        """The answer. What is hidden is denied as what isn't there: by nothing."""
        if self.known:
            return self.question.decide(self.snapshot)
        about = Resource(self.question.resource.type)
        asker, env = self.question.subject.id, self.question.env
        return Decision(asker, self.question.action, about, Effect.DENY, (), (), env.time, self.snapshot.revision)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody that is asked about: the account, as it is, and the subject, as it was at the moment in question."""

    user: User
    subject: Subject
    own: bool


async def asked(context: Context, input: PermissionQuestion, field: str = "input") -> Asked:
    """The question in `input`. Raises `BadInputError`, `DeniedError`, and `NotFoundError` for what is hidden."""
    context.access.spend(QUESTION)
    async with context.permissions.turns.of(_caller(context).id):
        return await _gathered(context, input, field)


async def _gathered(context: Context, input: PermissionQuestion, field: str) -> Asked:
    given = free_form(input.environment, f"{field}.environment")
    at = _time(given.get("time"), f"{field}.environment.time")
    person = await somebody(context, input.user_id, at, f"{field}.userId")
    snapshot = await rules(context, at)
    require_action(snapshot, input.action, f"{field}.action")
    found = await target(context, input.resource, input.action, snapshot, f"{field}.resource")
    if not (found.known or person.own):
        raise NotFoundError(input.resource.type)
    circumstances = {**(context.access.env.attributes if person.own else NOTHING), **given}
    circumstances.pop("time", None)
    env = Env(at or context.access.env.time, circumstances)
    question = Question(person.subject, input.action, found.resource, env, input.strategy)
    return Asked(question, snapshot, sight(context, person), found.known)


async def somebody(context: Context, user_id: str | None, at: datetime | None, field: str) -> Person:
    """The caller himself, or an account that he may ask about. Raises `BadInputError` and `DeniedError`."""
    caller = _caller(context)
    wanted = PydanticObjectId(str(caller.id)) if user_id is None else object_id(user_id, "User", field)
    own = wanted == caller.id
    if not own:
        context.access.require_foreseen(Action.PERMISSION_READ)
    user = await context.loaders.users.load(wanted)
    if user is None or not (own or context.access.consider(Action.PERMISSION_READ, permission_resource(user))):
        raise BadInputError(field, "is not an account that you may ask about")
    subject = await _as_of(context, caller if own else None, wanted, at)
    return Person(user, subject, own)


async def _as_of(context: Context, caller: Subject | None, user_id: PydanticObjectId, at: datetime | None) -> Subject:
    """Who is disabled, or wasn't there yet, holds nothing."""
    if past(context, at) is not None:
        return await context.permissions.subject(user_id, at) or Subject(user_id)
    return caller or await context.permissions.subject(user_id) or Subject(user_id)


async def rules(context: Context, at: datetime | None) -> Snapshot:
    """The rules at a moment: this request's own, unless it is a moment of the past."""
    if past(context, at) is None:
        return context.access.snapshot
    context.access.spend(PAST)
    return (await context.permissions.world(at)).snapshot


def past(context: Context, at: datetime | None) -> datetime | None:
    """`at`, if it is before this request; of the future nobody knows more than of now."""
    return at if at is not None and at < context.access.env.time else None


def asked_time(context: Context, at: datetime | None) -> datetime:
    """The moment that is asked about: `at`, or now. Raises `BadInputError` without a time zone."""
    return moment(at, "at") or context.access.env.time


def circumstances(environment: object, field: str = "environment") -> Mapping[str, Any]:
    """What conditions read of them. Raises `BadInputError`: the moment is told by `at`."""
    given = free_form(environment, field)
    if "time" in given:
        raise BadInputError(f"{field}.time", "is `at` here")
    return given


def sight(context: Context, person: Person) -> Sight:
    """What the asker may know about that person and about the rules; the resource he asked about he knows."""
    access = context.access
    return Sight(
        user=bool(access.consider(Action.USER_READ, user_resource(person.user))),
        roles=bool(access.consider(Action.ROLE_READ, Resource("role"))),
        policies=bool(access.consider(Action.POLICY_READ, Resource("policy"))),
    )


def require_action(snapshot: Snapshot, action: str, field: str) -> None:
    """Raise `BadInputError` for an action that nobody knows."""
    if action in known_actions(snapshot):
        return
    of_type = [each for each in sorted(known_actions(snapshot)) if resource_type(each) == resource_type(action)]
    raise BadInputError(field, f"is not a known action{': ' if of_type else ''}{', '.join(of_type[:20])}")


def _time(value: object, field: str) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadInputError(field, "must be an ISO 8601 time with an offset from UTC")
    return moment(time, field)


def _caller(context: Context) -> Subject:
    """Who asks. Guards have seen that somebody does."""
    context.access.require_signed_in()
    subject = context.access.subject
    return subject if subject is not None else Subject("")


async def at_length(context: Context, work: Callable[[], Answer]) -> Answer:
    """What `work` gives, which may take a while. Raises `EffortError` and `BusyError`."""
    context.access.spend(LONG)
    return await in_turn(context, work)


async def in_turn(context: Context, work: Callable[[], Answer]) -> Answer:
    """The same for a further part of what was spent already. Raises `BusyError`."""
    return await context.permissions.turns.take(_caller(context).id, work)
