"""Rules and tokens out of a small world, so that they meet; and a loop over all rules, as the model."""

from collections.abc import Iterable
from typing import Any, Final

from beanie import PydanticObjectId
from hypothesis import strategies as st

from permissions.authn.principal import new_id
from permissions.authn.revocation.addresses import read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged, addresses_of
from permissions.authn.revocation.rules import Rule

IDS: Final = [f"id{number:020d}" for number in range(4)]
USERS: Final = [PydanticObjectId(f"{number:024x}") for number in range(3)]
DEVICES: Final = ["phone", "desk", ""]
ADDRESSES: Final = ["192.0.2.7", "192.0.2.8", "192.0.3.7", "::ffff:192.0.2.7", "2001:db8::7", "2001:db8:1::7", "::1"]
NETWORKS: Final = [
    *("192.0.2.0/24", "192.0.2.7", "192.0.0.0/16", "0.0.0.0/0", "192.0.2.8/31", "::ffff:192.0.2.0/120"),
    *("2001:db8::/32", "2001:db8::/48", "2001:db8::7", "::/0", "::/1", "fe80::/10"),
]
MOMENTS: Final = st.integers(0, 20)
LONG: Final = 10**9


def maybe(values: Iterable[Any]) -> st.SearchStrategy[Any]:
    """One of them, or none."""
    return st.none() | st.sampled_from(list(values))


CRITERIA: Final = st.builds(
    Criteria,
    jti=maybe(IDS),
    session_id=maybe(IDS),
    user_id=maybe(USERS),
    network=maybe([read_network(text) for text in NETWORKS]),
    device=maybe(DEVICES),
    key_id=maybe(["k1", "k2"]),
    issued_before=st.none() | MOMENTS.map(lambda ms: ms / 1000),
    everyone=st.just(False),
    spared=maybe(IDS[:2]),
)
RULES: Final = st.builds(
    Rule,
    id=st.builds(new_id),
    criteria=CRITERIA,
    reason=st.sampled_from(["a", "b"]),
    made_at=MOMENTS,
    expires_at=st.integers(1, 40),
)
TOKENS: Final = st.builds(
    Judged,
    session_id=st.sampled_from(IDS),
    user_id=st.sampled_from(USERS),
    opened=MOMENTS,
    addresses=st.lists(st.sampled_from(ADDRESSES), max_size=3).map(lambda texts: addresses_of(*texts)),
    device=maybe(DEVICES),
    jti=maybe(IDS),
    key_id=maybe(["k1", "k2"]),
    issued=st.none() | MOMENTS,
)


def by_all(rules: Iterable[Rule], judged: Judged, at: int) -> bool:
    """The model: every rule is asked."""
    return any(rule.expires_at > at and rule.hits(judged) for rule in rules)
