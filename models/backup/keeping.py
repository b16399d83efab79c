"""What a restore does not take back: revocations, credentials, erasures, the audit log. Pure.

Whoever goes back in time for his conversations must not bring a stolen session, a leaked key or an old password back to
life, nor somebody who was to be forgotten, nor lose what tells who did what. So these are as they were last known,
however far back the rest goes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from models.backup.folding import Two
from models.database import Record

CREDENTIALS: Final = (
    "password_hash",
    "password_changed_at",
    "password_expires_at",
    "must_change_password",
    "client_secret",
    "disabled",
)
ERASURE: Final = ("_id", "requested_at", "by", "sessions")


def restored(collection: str, two: Two) -> Record | None:
    """The document to store, if any. In every bucket, it tells the index that its messages aren't there yet."""
    return _RULES.get(collection, _as_it_was)(two)


def changes_all(collection: str) -> bool:
    """Whether even documents that nothing happened to are stored in another way."""
    return collection == "buckets"


def _as_it_was(two: Two) -> Record | None:
    return two.then


def _as_last_known(two: Two) -> Record | None:
    return two.last


def _bucket(two: Two) -> Record | None:
    if two.then is None:
        return None
    return {**{name: held for name, held in two.then.items() if name != "indexed_to"}, "unindexed": True}


def _user(two: Two) -> Record | None:
    if two.then is None or two.last is None:
        return two.then
    others = {name: held for name, held in two.then.items() if name not in CREDENTIALS}
    return others | {name: two.last[name] for name in CREDENTIALS if name in two.last}


def _erasure(two: Two) -> Record | None:
    """One that was asked for later is to be done again: what it erased is back."""
    if two.last is None or (two.then is not None and two.then.get("done_at") == two.last.get("done_at")):
        return two.then
    return {name: two.last[name] for name in ERASURE if name in two.last} | {"messages": 0, "done_at": None}


_RULES: Final[Mapping[str, Callable[[Two], Record | None]]] = {
    "buckets": _bucket,
    "users": _user,
    "erasures": _erasure,
    "audit_blocks": _as_last_known,
    "audit_checkpoints": _as_last_known,
    "revocation_rules": _as_last_known,
    "signing_keys": _as_last_known,
}
