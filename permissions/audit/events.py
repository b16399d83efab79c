"""What happens, as records of the log: small, bounded, and without anything that somebody wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson
from bson import ObjectId

from models.clock import now
from models.database import Record
from permissions.access import Taken
from permissions.authn.principal import Client, Principal
from permissions.engine.facts import Id, Resource, Share, Subject

DECISION: Final = "decision"
"""The kind of a record that tells of a decision."""
MISSED: Final = "decision.missed"
"""The kind of a record that tells how many allowed decisions could not be kept."""

MAX_TEXT: Final = 200
"""Characters of an id, a reason or an attribute."""
MAX_REASON: Final = 1_000
MAX_FACTS: Final = 4_096
"""Bytes of the facts that a decision rested on; larger ones are left out."""
MAX_STATE: Final = 16_384
"""Bytes of a state before or after a change; of a larger one only its size is kept."""
MAX_RULES: Final = 50


@dataclass(frozen=True, slots=True)
class Origin:
    """Who did it, and from where. Without a user: the system itself, or nobody."""

    user_id: Id | None = None
    session_id: str | None = None
    ip: str | None = None
    request_id: str = ""

    @classmethod
    def of(cls, principal: Principal | None, client: Client) -> Self:
        """The origin of a request."""
        user, session = (principal.user_id, principal.session_id) if principal else (None, None)
        return cls(user, session, client.ip, client.request_id)


SYSTEM: Final = Origin()


@dataclass(frozen=True, slots=True)
class Target:
    """What was done to: a role, an assignment, an account …"""

    type: str
    id: Id | None = None


def change(
    kind: str,
    by: Origin,
    target: Target,
    before: Any = None,
    after: Any = None,
    reason: str | None = None,
    revision: int | None = None,
) -> Record:
    """The record of something that was done; of a change of permissions, with the revision that it made."""
    return _present(
        at=now(),
        kind=kind,
        **_whence(by),
        resource_type=target.type,
        resource_id=_text(target.id),
        reason=_text(reason, MAX_REASON),
        revision=_text(revision),
        before=_state(before),
        after=_state(after),
    )


class Spelling:
    """Of what many decisions in a row are about, and how they ended: it is spelled once."""

    __slots__ = ("_about", "_common", "_of", "_texts")

    def __init__(self) -> None:
        self._of: Resource | None = None
        self._texts: tuple[Any, Any] = (None, None)
        self._about: tuple[object, ...] | None = None
        self._common: Record = {}

    def common(self, taken: Taken) -> Record:
        """What a record has of that, whoever it was decided for."""
        decision = taken.decision
        resource = decision.resource
        what = decision.action, resource.type, resource.id, decision.revision, taken.strategy
        about = *what, decision.effect, decision.decided_by, decision.shadow
        if about != self._about:
            self._about = about
            self._common = _present(
                action=_text(decision.action),
                resource_type=_text(resource.type),
                resource_id=_text(resource.id),
                effect=str(decision.effect),
                decided_by=[text for each in decision.decided_by[:MAX_RULES] if (text := _text(each))] or None,
                shadow=[text for each in decision.shadow[:MAX_RULES] if (text := _text(each))] or None,
                strategy=str(taken.strategy),
                revision=str(decision.revision),
                reason=_text(decision.reason, MAX_REASON),
            )
        return self._common

    def of(self, resource: Resource) -> tuple[Any, Any]:
        """Its id and attributes, as `encoded` takes them."""
        if resource is not self._of:
            self._of, self._texts = resource, (_value(resource.id), _attributes(resource.attributes))
            texts = [encoded(each) for each in self._texts]
            if None not in texts:
                self._texts = orjson.Fragment(texts[0] or ""), orjson.Fragment(texts[1] or "")
        return self._texts


def decided(taken: Taken, origin: Origin, at: datetime, spelling: Spelling | None = None) -> Record:
    """The record of a decision; `spelling` is for many of them."""
    decision, spelling = taken.decision, spelling or Spelling()
    return {
        "at": at,
        "kind": DECISION,
        **_present(
            by=_text(decision.subject_id),
            session=_text(origin.session_id),
            ip=_text(origin.ip),
            request=_text(origin.request_id) or None,
            facts=_facts(taken, spelling) if taken.known else None,
        ),
        "decision": decision.id,
        **spelling.common(taken),
    }


def missed(number: int) -> Record:
    """The record that tells how many allowed decisions were not kept."""
    return _present(at=now(), kind=MISSED, reason=f"{number} allowed decisions were not kept")


def _whence(origin: Origin) -> Record:
    return {
        "by": _text(origin.user_id),
        "session": _text(origin.session_id),
        "ip": _text(origin.ip),
        "request": _text(origin.request_id) or None,
    }


def _present(**fields: Any) -> Record:
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: object, longest: int = MAX_TEXT) -> str | None:
    """Any store takes it: half of a surrogate pair comes through JSON, but none does."""
    if value is None:
        return None
    if type(value) is str and len(value) <= longest and value.isascii():
        return value
    text = str(value)[:longest]
    return text if text.isascii() else text.encode(errors="replace").decode()


def _facts(taken: Taken, spelling: Spelling) -> str | None:
    """Who asked with which roles and attributes, of what, and in which circumstances: enough to ask again."""
    subject, resource, env = taken.subject, taken.decision.resource, taken.env
    resource_id, resource_attributes = spelling.of(resource)
    facts = {
        "ahead": taken.ahead,
        "time": _value(env.time),
        "user_id": _value(subject.id),
        "resource_id": resource_id,
        "roles": subject.roles_at(env.time),
        "user": _attributes(subject.attributes),
        "resource": resource_attributes,
        "env": _attributes(env.attributes),
    }
    if shares := [list(share) for share in resource.shares if _may_count(share, subject)]:
        facts["shares"] = shares
    text = encoded(facts)
    return text if text is not None and len(text) <= MAX_FACTS else None


def _may_count(share: Share, subject: Subject) -> bool:
    """Shares for other users never do; which roles he has may be another matter under other rules."""
    return share.grantee.startswith("role:") or share.grantee == f"user:{subject.id}"


def _attributes(attributes: Mapping[str, Any]) -> Record:
    return {str(name): _value(value) for name, value in attributes.items()}


def _value(value: Any) -> Any:
    """As it is encoded. What is common is so here: to be called back for it takes longer than all the rest."""
    if type(value) is int or (type(value) is str and len(value) <= MAX_FACTS and value.isascii()):
        return value
    if isinstance(value, str):
        return _text(value, MAX_FACTS)
    if isinstance(value, ObjectId) or (isinstance(value, datetime) and value.tzinfo is not None):
        return _extended(value)
    return list(value) if isinstance(value, set | frozenset | tuple) else value


def _state(value: Any) -> str | None:
    if value is None:
        return None
    text = encoded(value)
    if text is None:
        return encoded({"left_out": "can't be shown"})
    return text if len(text) <= MAX_STATE else encoded({"left_out": f"{len(text)} characters"})


def encoded(value: Any) -> str | None:
    """JSON text in one spelling; ids as `{"$oid": …}`, moments as `{"$date": milliseconds}`. None for what has none."""
    text = spelled(value)
    return None if text is None else text.decode()


def spelled(value: Any) -> bytes | None:
    """The same in UTF-8."""
    try:
        return orjson.dumps(value, _extended, OPTIONS)
    except (TypeError, ValueError):  # deeper than orjson goes, half of a surrogate pair, …
        return None


def decoded(text: str) -> Any:
    """What `encoded` was given: ids are ids again, and moments moments."""
    return _revived(orjson.loads(text))


def plainly(text: str) -> Any:
    """The same for people: ids and moments as texts."""
    return orjson.loads(orjson.dumps(decoded(text), default=str))


OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def _extended(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, ObjectId):
        return {"$oid": str(value)}
    if isinstance(value, datetime):
        return {"$date": round(value.timestamp() * 1000)}
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError


def _revived(value: Any) -> Any:
    match value:
        case {"$oid": str(text), **rest} if not rest and ObjectId.is_valid(text):
            return ObjectId(text)
        case {"$date": int(milliseconds), **rest} if not rest:
            return datetime.fromtimestamp(milliseconds / 1000, UTC)
        case dict():
            return {key: _revived(held) for key, held in value.items()}
        case list():
            return [_revived(each) for each in value]
        case _:
            return value
