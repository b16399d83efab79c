"""What a rule looks at: an access token's claims, or at refresh the record of a session."""

from dataclasses import dataclass

from beanie import PydanticObjectId

from permissions.authn.revocation.addresses import Address, read_address


@dataclass(frozen=True, slots=True)
class Judged:
    """Of a token, all; of a session, without `jti`, `key_id` and `issued`. Moments in ms since 1970."""

    session_id: str
    user_id: PydanticObjectId
    opened: int
    """When the session was opened."""
    addresses: tuple[Address, ...] = ()
    device: str | None = None
    jti: str | None = None
    key_id: str | None = None
    issued: int | None = None


def addresses_of(*texts: str | None) -> tuple[Address, ...]:
    """Those of `texts` that are addresses, each once."""
    found = [read_address(text) for text in texts if text]
    return tuple(dict.fromkeys(each for each in found if each is not None))
