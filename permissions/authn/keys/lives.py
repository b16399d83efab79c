"""What a key may be used for at a moment. Pure: the stored keys go in, and what each is good for comes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from models.signing_key import SigningKey

MARGIN_SECONDS: Final = 60
"""How much longer a retired key verifies: a worker may have signed with it a moment after it was retired, and clocks
differ."""


class Use(StrEnum):
    """What a key is good for."""

    SIGNS = "signs"
    VERIFIES = "verifies"
    """Retired; its tokens are good until they expire."""
    REVOKED = "revoked"
    """Its tokens are refused, and told why."""
    OVER = "over"
    """No token of it can be good any more."""


@dataclass(frozen=True, slots=True)
class Life:
    """A key, what it is good for now, and from when until when."""

    key: SigningKey
    use: Use
    retired_at: datetime | None = None
    ends_at: datetime | None = None


def lives(stored: Iterable[SigningKey], moment: datetime) -> list[Life]:
    """The keys from the oldest to the one that signs, which is the last."""
    keys = sorted(stored, key=lambda key: key.number)
    older = [_retired(key, successor, moment) for key, successor in pairwise(keys)]
    return [*older, *(Life(key, Use.SIGNS) for key in keys[-1:])]


def _retired(key: SigningKey, successor: SigningKey, moment: datetime) -> Life:
    retired = successor.created_at
    ends = retired + timedelta(seconds=key.token_seconds + MARGIN_SECONDS)
    if ends <= moment:
        return Life(key, Use.OVER, retired, ends)
    return Life(key, Use.VERIFIES if key.revoked_at is None else Use.REVOKED, retired, ends)
