"""Usage: messages, tokens and latencies of what the caller may read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import strawberry
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.usage.figures import Figures
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import Part, UsageReach
from models.usage.usage import Report
from permissions.actions import Action
from permissions.engine.filters import equalities
from permissions.guards import SignedIn
from permissions.resources import CONVERSATION, MESSAGE
from resolvers.account.types import User
from resolvers.chat import inputs
from resolvers.chat.mutations import caller
from resolvers.context import Context, Info
from resolvers.errors import BadInputError
from resolvers.ids import encode, object_id
from resolvers.moments import moment

QUESTIONS: Final = 3
"""In one operation."""
DIMENSIONS: Final = 3
MODEL_LENGTH: Final = 300
ZONE_LENGTH: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

strawberry.enum(
    UsageDimension,
    description="MODEL: `llmModel`; USER: who wrote the message; OWNER: whose conversation it is in, answers that no "
    "account wrote included; ROLE: who speaks; TAG: of the conversation, a message counts in the group of each; DAY, "
    "HOUR: when it was written, by the clock of `timeZone`.",
)


@strawberry.input(description="What is left out doesn't matter; all the rest must hold.")
class UsageFilterInput:
    """See `models.usage.question.UsageFilter`."""

    conversation_id: strawberry.ID | None = None
    owner_id: strawberry.ID | None = None
    user_id: strawberry.ID | None = None
    llm_model: str | None = None
    role: MessageRole | None = None
    tags_any: list[str] | None = None
    tags_all: list[str] | None = None


@strawberry.input(
    description=f"`by` has {DIMENSIONS} dimensions at most; without any, only the total is told. Messages written from "
    "`from` on and before `to`. `timeZone` is a name as `Europe/Berlin`."
)
class UsageInput:
    """What is asked."""

    by: list[UsageDimension] = strawberry.field(default_factory=list)
    since: datetime | None = strawberry.field(name="from", default=None)
    until: datetime | None = strawberry.field(name="to", default=None)
    time_zone: str = "UTC"
    filter: UsageFilterInput | None = None


@strawberry.type(
    description="In milliseconds, by nearest rank: the least one that so many percent of all do not exceed, so one "
    "that occurred. Exact, not estimated. Null where none is known."
)
class LatencyPercentiles:
    """Of the messages whose latency is known."""

    count: int = strawberry.field(description="Messages whose latency is known.")
    p50: int | None
    p95: int | None
    p99: int | None


@strawberry.type(
    description="Tokens are whole numbers that may exceed an Int, so they are Floats: exact up to 2^53, which is nine "
    "thousand million million."
)
class UsageFigures:
    """Of a group, or of all."""

    messages: int
    metadata_withheld: int = strawberry.field(
        description="Those of these messages whose metadata you may not read: they count with no tokens, no latency "
        "and no model."
    )
    tokens_in: float
    tokens_out: float
    tokens_used: float = strawberry.field(description="As noted with a message, or else those in and out.")
    latency: LatencyPercentiles

    @classmethod
    def of(cls, figures: Figures) -> "UsageFigures":
        """Counted ones, as the schema shows them."""
        p50, p95, p99 = figures.latencies
        return cls(
            messages=figures.messages,
            metadata_withheld=figures.withheld,
            tokens_in=figures.tokens_in,
            tokens_out=figures.tokens_out,
            tokens_used=figures.tokens_used,
            latency=LatencyPercentiles(count=figures.timed, p50=p50, p95=p95, p99=p99),
        )


@strawberry.type(description="What belongs together. Null by what is not grouped, and for what has none of it.")
class UsageGroup:
    """A group, and how much it is."""

    names: strawberry.Private[Mapping[UsageDimension, Any]]
    figures: UsageFigures

    @strawberry.field(description="Null, too, for messages whose metadata you may not read.")
    def llm_model(self) -> str | None:
        return self.names.get(UsageDimension.MODEL)

    @strawberry.field(description="The account that wrote the messages.")
    def user_id(self) -> strawberry.ID | None:
        return _user_id(self.names.get(UsageDimension.USER))

    @strawberry.field(description="The same; null where it is no more.")
    async def user(self, info: Info) -> User | None:
        return await _user(info, self.names.get(UsageDimension.USER))

    @strawberry.field(description="Whose conversations they are in.")
    def owner_id(self) -> strawberry.ID | None:
        return _user_id(self.names.get(UsageDimension.OWNER))

    @strawberry.field(description="The same; null where it is no more.")
    async def owner(self, info: Info) -> User | None:
        return await _user(info, self.names.get(UsageDimension.OWNER))

    @strawberry.field
    def role(self) -> MessageRole | None:
        return self.names.get(UsageDimension.ROLE)

    @strawberry.field
    def tag(self) -> str | None:
        return self.names.get(UsageDimension.TAG)

    @strawberry.field(description="By the clock of `timeZone`.")
    def day(self) -> date | None:
        day = self.names.get(UsageDimension.DAY)
        return None if day is None else _day(day)

    @strawberry.field(description="When the hour begins.")
    def hour(self) -> datetime | None:
        begun = self.names.get(UsageDimension.HOUR)
        return None if begun is None else _EPOCH + timedelta(milliseconds=begun)


@strawberry.type(
    description="What was used, of what you may read now: deleted messages don't count until they are back."
)
class UsageReport:
    """Counted at one moment."""

    groups: list[UsageGroup] = strawberry.field(
        description="Those that have messages: by time, if that is among `by`, then the ones with most messages first."
    )
    total: UsageFigures = strawberry.field(description="Each message once, also one that several tags count.")


@strawberry.type
class Query:
    """Of usage."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description="How many messages there are, with how many tokens, and how long answers took, of all that you may "
        "read now, counted exactly. Where you may read messages and not their metadata, they count as messages only.",
    )
    async def usage(self, info: Info, input: UsageInput) -> UsageReport:
        context = info.context
        context.usages += 1
        if context.usages > QUESTIONS:
            raise BadInputError("usage", f"comes more than {QUESTIONS} times in one request")
        question = _question(input)
        report = await context.usage.report(caller(context), _reach(context), question)
        return _shown(report, question.by)


def _question(given: UsageInput) -> UsageQuestion:
    if len(given.by) > DIMENSIONS or len(set(given.by)) < len(given.by):
        raise BadInputError("by", f"must be up to {DIMENSIONS} different dimensions")
    since, until = moment(given.since, "from"), moment(given.until, "to")
    if since and until and until < since:
        raise BadInputError("to", "is before `from`")
    return UsageQuestion(tuple(given.by), _zone(given.time_zone), _wanted(given.filter, since, until))


def _wanted(filter: UsageFilterInput | None, since: datetime | None, until: datetime | None) -> UsageFilter:
    given = filter or UsageFilterInput()
    if given.llm_model is not None and len(given.llm_model) > MODEL_LENGTH:
        raise BadInputError("llmModel", f"must not exceed {MODEL_LENGTH} characters")
    return UsageFilter(
        since=since,
        until=until,
        conversation_id=_id(given.conversation_id, "Conversation", "conversationId"),
        owner_id=_id(given.owner_id, "User", "ownerId"),
        author_id=_id(given.user_id, "User", "userId"),
        llm_model=given.llm_model,
        role=given.role,
        tags_any=None if given.tags_any is None else inputs.tags(given.tags_any, "tagsAny"),
        tags_all=None if given.tags_all is None else inputs.tags(given.tags_all, "tagsAll"),
    )


def _id(given: str | None, kind: str, field: str) -> PydanticObjectId | None:
    return None if given is None else object_id(given, kind, field)


def _zone(name: str) -> ZoneInfo:
    try:
        if 0 < len(name) <= ZONE_LENGTH:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such one, or a path
        pass
    raise BadInputError("timeZone", "is not a time zone, as `Europe/Berlin` is one")


def _reach(context: Context) -> UsageReach:
    """What the caller may read, as the database can tell it."""
    conversations = context.access.scopes(Action.CONVERSATION_READ, CONVERSATION)

    async def part(conversation: Conversation) -> Part | None:
        seen = await context.sights.of(conversation, Action.MESSAGE_READ)
        known = await context.sights.of(conversation, Action.MESSAGE_READ_METADATA)
        runs = seen.runs() if seen else ()
        if seen is None and known is None:
            return None
        # Metadata counts where all that is seen has it: usage isn't told by the branch.
        metadata = known is None or (seen is not None and all(run.stop <= known.stop(run.branch) for run in runs))
        return Part(None if seen is None else {run.branch: run.stop for run in runs}, metadata)

    return UsageReach(
        conversations,
        [equalities(scope) for scope in conversations],
        context.access.scopes(Action.MESSAGE_READ, MESSAGE),
        context.access.scopes(Action.MESSAGE_READ_METADATA, MESSAGE),
        part,
    )


def _shown(report: Report, by: Sequence[UsageDimension]) -> UsageReport:
    named = [(dict(zip(by, key, strict=True)), figures) for key, figures in report.groups.items()]
    named.sort(key=lambda each: (*_times(each[0]), -each[1].messages, [str(name) for name in each[0].values()]))
    groups = [UsageGroup(names=names, figures=UsageFigures.of(figures)) for names, figures in named]
    return UsageReport(groups=groups if by else [], total=UsageFigures.of(report.total))


def _times(names: Mapping[UsageDimension, Any]) -> tuple[int, int]:
    return names.get(UsageDimension.DAY, 0), names.get(UsageDimension.HOUR, 0)


def _day(day: int) -> date:
    """Numbered from 1970. At the ends of the calendar a local day may lie beyond it."""
    return date.fromordinal(min(max(day + _EPOCH.toordinal(), 1), date.max.toordinal()))


def _user_id(id_: PydanticObjectId | None) -> strawberry.ID | None:
    return None if id_ is None else strawberry.ID(encode("User", id_))


async def _user(info: Info, id_: PydanticObjectId | None) -> User | None:
    stored = await info.context.loaders.users.load(id_) if id_ else None
    return User.of(stored) if stored else None
