"""`shared("read")`: somebody else has shared it with the user, or with a role that he holds. Closure and filter."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.conditions import Test, Truth, anywhere
from permissions.engine.facts import Facts, Share, Subject
from permissions.engine.filters import NEVER, Fields, Filter, Pair, either, neither

ACCESSES: Final = ("read", "write")
MOST_APART: Final = 40
"""Grantees of a user that get a filter each, which an index answers; of a user with more roles all share one."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A share holds that gives this access: `write` gives `read` too. Never a fault; false of what nobody can share."""

    access: str

    def test(self) -> Test:
        writes = self.access == "write"

        def shared(facts: Facts) -> Truth:
            shares = facts.resource.shares
            if not shares:  # the common case
                return False
            time, own = facts.env.time, frozenset(grantees(facts.subject, facts.roles))
            return any(share.grantee in own and time < share.until and (share.writes or not writes) for share in shares)

        return shared

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if not fields.shares:
            return NEVER
        own = grantees(known.subject, known.roles)
        true = either(*(self._filter({"$eq": each}, known) for each in own))
        if len(own) > MOST_APART:
            true = self._filter({"$in": own}, known)
        return Pair(true, neither(true))

    def explain(self, facts: Facts) -> str:
        own = set(grantees(facts.subject, facts.roles))
        found = [_in_words(share) for share in facts.resource.shares if share.grantee in own]
        return f'shared("{self.access}") ({"; ".join(found) or "no share seen"})'

    def _filter(self, grantee: Any, known: Facts) -> Filter:
        """`grantees` stands for the index; what holds must hold of one share."""
        share: dict[str, Any] = {"grantee": grantee, "until": {"$gt": known.env.time}}
        if self.access == "write":
            share["access"] = {"$eq": "write"}
        return {"grantees": grantee, "shares": {"$elemMatch": share}}


def grantees(subject: Subject, roles: Iterable[str]) -> Sequence[str]:
    """How shares name the user and each of his roles, the inherited ones too."""
    return [f"user:{subject.id}", *(f"role:{role}" for role in roles)]


def looks_at_shares(part: object, accesses: Container[str]) -> bool:
    """Whether what a condition says depends on shares of one of these accesses: conditions are made of conditions."""
    return anywhere(part, lambda each: isinstance(each, Shared) and each.access in accesses)


def _in_words(share: Share) -> str:
    branch = f" branch {share.branch} of it" if share.branch is not None else ""
    return f"{share.grantee} may {'write' if share.writes else 'read'}{branch} until {share.until:%Y-%m-%dT%H:%M:%SZ}"
