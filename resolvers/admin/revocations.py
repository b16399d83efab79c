"""Taking tokens back by rules: everywhere at once, selectively, and for good."""

import re
from datetime import UTC, datetime
from typing import Final, Self

import strawberry

from permissions.actions import Action
from permissions.authn.census import COUNT_SECONDS
from permissions.authn.revocation.addresses import Network, read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.revocations import CONFIRM_SECONDS
from permissions.authn.revocation.rules import Rule
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import TOKEN
from resolvers.account.types import User, user_id
from resolvers.context import Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, as_object_id, encode, object_id
from resolvers.pagination import Connection, Edge, connection, page_arguments

DEVICE_CHARACTERS: Final = 200
LONGEST_CIDR: Final = 64
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@strawberry.input
class RevokeTokensInput:
    """What is hit. All that is given must match; what isn't doesn't matter."""

    jti: str | None = strawberry.field(default=None, description="One access token.")
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="One session: its access tokens and its refresh tokens."
    )
    user_id: strawberry.ID | None = strawberry.field(default=None, description="Somebody's sessions on all devices.")
    cidr: str | None = strawberry.field(
        default=None,
        description="Sessions from a network, IPv4 or IPv6: that were opened from it or used last from it, and tokens "
        "that were issued to it. An address that isn't known is in no network.",
    )
    device: str | None = strawberry.field(default=None, description="Sessions on a device, by its exact name.")
    key_id: str | None = strawberry.field(
        default=None,
        description="Access tokens signed with a key until now. Sessions go on; against a stolen key use "
        "`rotateSigningKey` with `revokeNow`.",
    )
    issued_before: datetime | None = strawberry.field(
        default=None,
        description="Only sessions that were opened before (with `jti` and `keyId`: tokens that were issued before). "
        "Left out, it is now. Without an offset it is UTC.",
    )
    everyone: bool | None = strawberry.field(
        default=None, description="All of them, your own too. Goes with `issuedBefore` only."
    )
    reason: str = strawberry.field(
        description="Told to whoever is cut off: a word for programs, or 1 to 200 printable characters."
    )
    dry_run: bool | None = strawberry.field(default=False, description="Count only; nothing is done.")

    def criteria(self) -> Criteria:
        """Checked. Raises `BadInputError`."""
        return Criteria(
            jti=_matching(self.jti, _ID, "jti", "is not the id of a token"),
            session_id=_session(self.session_id),
            user_id=None if self.user_id is None else object_id(self.user_id, "User", "userId"),
            network=None if self.cidr is None else _network(self.cidr),
            device=_device(self.device),
            key_id=_matching(self.key_id, _KEY, "keyId", "is not the id of a key"),
            issued_before=None if self.issued_before is None else _aware(self.issued_before).timestamp(),
            everyone=bool(self.everyone),
        )


@strawberry.type
class RevokeTokensPayload:
    """What came of it."""

    sessions_affected: int = strawberry.field(
        description="Living sessions that end by this, and that nothing had ended before. By `jti` and `keyId` none "
        "does."
    )
    counted_all: bool = strawberry.field(
        description="Whether `sessionsAffected` is all of them. False where counting would take longer than "
        f"{COUNT_SECONDS:.0f} s, or Redis doesn't answer: then it is how many were found until then. What is hit is "
        "hit all the same."
    )
    own_session: bool = strawberry.field(description="Whether you are hit yourself, by the token that you ask with.")
    applied: bool = strawberry.field(
        description="Whether every living server process has confirmed that it refuses what is hit. A dry run: false."
    )
    unconfirmed: list[str] = strawberry.field(
        description=f"The processes that have not confirmed within {CONFIRM_SECONDS:.0f} s; `redis` if they can't be "
        "told at present. The rule is made all the same: it counts there as soon as they hear of it, and a process "
        "that hears nothing refuses everything, unless it was set to fail open."
    )
    rule_id: strawberry.ID | None = strawberry.field(description="Null for a dry run.")


@strawberry.type(description="A rule that takes tokens back. It ends by itself, with the last token that it can hit.")
class Revocation:
    """Nobody can lift one: it would bring stolen tokens back to life. Whom it hit by mistake, signs in again."""

    rule: strawberry.Private[Rule]

    id: strawberry.ID
    jti: str | None
    cidr: str | None
    device: str | None
    key_id: str | None
    issued_before: datetime = strawberry.field(description="What was opened, or issued, later is not hit.")
    everyone: bool
    session_id: str | None = strawberry.field(description="As `sid` in its tokens.")
    reason: str
    made_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """A rule, as the schema shows it."""
        criteria = rule.criteria
        before = rule.made_at / 1000 if criteria.issued_before is None else criteria.issued_before
        return cls(
            rule=rule,
            id=_gid(rule),
            jti=criteria.jti,
            cidr=None if criteria.network is None else str(criteria.network),
            device=criteria.device,
            key_id=criteria.key_id,
            issued_before=_moment(before),
            everyone=criteria.everyone,
            session_id=criteria.session_id,
            reason=rule.reason,
            made_at=_moment(rule.made_at / 1000),
            expires_at=_moment(rule.expires_at / 1000),
        )

    @strawberry.field(description="Whose sessions are hit, by id: the account need not be there any more.")
    def user_id(self) -> strawberry.ID | None:
        hit = self.rule.criteria.user_id
        return None if hit is None else user_id(hit)

    @strawberry.field(description="Who made it; null for what followed from a logout and the like.")
    async def made_by(self, info: Info) -> User | None:
        stored = await info.context.loaders.users.load(self.rule.by) if self.rule.by else None
        return User.of(stored) if stored else None


@strawberry.type
class Mutation:
    """Rules are made, and never lifted."""

    @strawberry.mutation(
        description="Refuse tokens, and refresh tokens, from now on, on every server process. There is no way back but "
        "to sign in again. Try it with `dryRun` first: it says how many sessions are hit, and whether yours is.",
        permission_classes=[may(Action.TOKEN_REVOKE)],
    )
    async def revoke_tokens(self, info: Info, input: RevokeTokensInput) -> RevokeTokensPayload:
        context = info.context
        context.access.require(Action.TOKEN_REVOKE, Resource(TOKEN))
        criteria = input.criteria()
        own = context.token.judged if context.token else None
        if input.dry_run:
            hit = await context.revocation.try_out(criteria, input.reason, own)
            return RevokeTokensPayload(
                sessions_affected=hit.sessions.found,
                counted_all=hit.sessions.complete,
                own_session=hit.own,
                applied=False,
                unconfirmed=[],
                rule_id=None,
            )
        applied, hit = await context.revocation.revoke(criteria, input.reason, context.origin, own)
        return RevokeTokensPayload(
            sessions_affected=hit.sessions.found,
            counted_all=hit.sessions.complete,
            own_session=hit.own,
            applied=applied.applied,
            unconfirmed=list(applied.unconfirmed),
            rule_id=strawberry.ID(encode("Revocation", applied.rule_id)),
        )


@strawberry.type
class Query:
    """Of rules."""

    @strawberry.field(
        description="The rules in force, newest first: those that somebody made by hand, or `all`.",
        permission_classes=[may(Action.TOKEN_REVOKE)],
    )
    def revocations(
        self, info: Info, first: int | None = None, after: str | None = None, all: bool = False
    ) -> Connection[Revocation]:
        info.context.access.require(Action.TOKEN_REVOKE, Resource(TOKEN))
        arguments = page_arguments(first, after)
        rules = [rule for rule in info.context.revocation.living() if all or rule.by is not None]
        start = 0 if after is None else _place(rules, after)
        shown = rules[start : start + arguments.size]
        edges = [Edge(cursor=str(_gid(rule)), node=Revocation.of(rule)) for rule in shown]
        return connection(edges, has_next=start + len(shown) < len(rules), has_previous=after is not None)


def _place(rules: list[Rule], cursor: str) -> int:
    (rule_id,) = GlobalId.parse(cursor, "after").require("Revocation", 1, "after")
    for place, rule in enumerate(rules):
        if rule.id == rule_id:
            return place + 1
    raise BadInputError("after", "is the cursor of a rule that is no longer there")


def _gid(rule: Rule) -> strawberry.ID:
    return strawberry.ID(encode("Revocation", rule.id))


def _session(text: str | None) -> str | None:
    if text is None:
        return None
    owner, session_id = GlobalId.parse(text, "sessionId").require("Session", 2, "sessionId")
    as_object_id(owner, "Session", "sessionId")
    return _matching(session_id, _ID, "sessionId", "is not the id of a Session")


def _matching(text: str | None, form: re.Pattern[str], field: str, reason: str) -> str | None:
    if text is not None and not form.fullmatch(text):
        raise BadInputError(field, reason)
    return text


def _network(text: str) -> Network:
    if len(text) > LONGEST_CIDR:
        raise BadInputError("cidr", "is not a network like `192.0.2.0/24` or `2001:db8::/32`")
    try:
        return read_network(text)
    except ValueError as error:
        raise BadInputError("cidr", str(error)) from None


def _device(text: str | None) -> str | None:
    if text is not None and not (0 < len(text) <= DEVICE_CHARACTERS and text.isprintable()):
        raise BadInputError("device", f"must be 1 to {DEVICE_CHARACTERS} printable characters")
    return text


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
