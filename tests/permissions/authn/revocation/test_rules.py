"""What a rule hits, row by row."""

from datetime import UTC, datetime

import pytest

from permissions.authn.principal import new_id
from permissions.authn.revocation.addresses import read_address, read_network
from permissions.authn.revocation.criteria import Criteria, require_usable
from permissions.authn.revocation.errors import CriteriaError
from permissions.authn.revocation.judged import Judged, addresses_of
from permissions.authn.revocation.rules import Rule
from tests.permissions.authn.revocation.worlds import LONG, USERS

MADE = 1_000
ALICE, BOB = USERS[:2]


def judged(opened: int = 500, issued: int = 800, ip: str | None = "192.0.2.7", device: str | None = "phone") -> Judged:
    """A token of Alice's."""
    return Judged("s1", ALICE, opened, addresses_of(ip), device, "t1", "k1", issued)


def hits(criteria: Criteria, token: Judged) -> bool:
    """Whether a rule does that was made at `MADE`."""
    return Rule(new_id(), criteria, "test", MADE, LONG).hits(token)


@pytest.mark.parametrize(
    ("criteria", "other"),
    [
        (Criteria(jti="t1"), Criteria(jti="t2")),
        (Criteria(session_id="s1"), Criteria(session_id="s2")),
        (Criteria(user_id=ALICE), Criteria(user_id=BOB)),
        (Criteria(device="phone"), Criteria(device="Phone")),
        (Criteria(key_id="k1"), Criteria(key_id="k2")),
        (Criteria(network=read_network("192.0.2.0/24")), Criteria(network=read_network("192.0.3.0/24"))),
        (Criteria(network=read_network("0.0.0.0/0")), Criteria(network=read_network("::/0"))),
        (Criteria(everyone=True), Criteria(everyone=True, spared="s1")),
        (Criteria(everyone=True, issued_before=0.501), Criteria(everyone=True, issued_before=0.5)),
        (Criteria(key_id="k1", issued_before=0.801), Criteria(key_id="k1", issued_before=0.8)),
        (Criteria(user_id=ALICE, device="phone"), Criteria(user_id=ALICE, device="desk")),
        (
            Criteria(user_id=ALICE, network=read_network("192.0.2.7")),
            Criteria(user_id=BOB, network=read_network("192.0.2.7")),
        ),
        (Criteria(user_id=ALICE, spared="s2"), Criteria(user_id=ALICE, spared="s1")),
    ],
    ids=repr,
)
def test_all_criteria_must_match(criteria: Criteria, other: Criteria) -> None:
    assert hits(criteria, judged())
    assert not hits(other, judged())


@pytest.mark.parametrize("criteria", [Criteria(user_id=ALICE), Criteria(everyone=True), Criteria(device="phone")])
def test_what_is_opened_a_millisecond_later_is_not_hit_though_the_second_is_the_same(criteria: Criteria) -> None:
    assert hits(criteria, judged(opened=MADE, issued=MADE))
    assert not hits(criteria, judged(opened=MADE + 1, issued=MADE + 1))


def test_a_token_that_a_refresh_gave_out_too_late_is_hit_by_when_its_session_was_opened() -> None:
    assert hits(Criteria(user_id=ALICE), judged(opened=500, issued=MADE + 200))


def test_ids_are_hit_whatever_the_time() -> None:
    late = judged(opened=MADE + 500, issued=MADE + 500)
    assert hits(Criteria(jti="t1"), late)
    assert hits(Criteria(session_id="s1"), late)


def test_a_session_has_no_token_to_be_hit_by() -> None:
    session = Judged("s1", ALICE, 500, addresses_of("192.0.2.7"), "phone")
    assert not hits(Criteria(jti="t1"), session)
    assert not hits(Criteria(key_id="k1"), session)
    assert hits(Criteria(session_id="s1"), session)


@pytest.mark.parametrize(
    ("network", "address", "within"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.0/24", "::ffff:192.0.2.1", True),
        ("192.0.2.0/24", "::ffff:c000:201", True),
        ("::ffff:192.0.2.0/120", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8::/32", "2001:DB8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::/0", "192.0.2.1", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("0.0.0.0/0", "no address", False),
        ("0.0.0.0/0", None, False),
    ],
)
def test_addresses_lie_in_networks(network: str, address: str | None, within: bool) -> None:
    assert hits(Criteria(network=read_network(network)), judged(ip=address)) == within


@pytest.mark.parametrize("text", ["", "192.0.2.0/33", "192.0.2", "x", "192.0.2.0/24/24", "2001:db8::/129", "\x00"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        read_network(text)


def test_bits_beyond_the_prefix_are_asked_about() -> None:
    with pytest.raises(ValueError, match=r"is `192\.0\.2\.0/24` meant"):
        read_network("192.0.2.7/24")


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.1/32", "::g", "\N{FULLWIDTH DIGIT ONE}92.0.2.1"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(
    ("criteria", "field"),
    [
        (Criteria(), "input"),
        (Criteria(issued_before=1.0), "input"),
        (Criteria(spared="s1"), "input"),
        (Criteria(everyone=True, user_id=ALICE), "everyone"),
        (Criteria(everyone=True, network=read_network("10.0.0.0/8")), "everyone"),
        (Criteria(user_id=ALICE, issued_before=2_000.0), "issuedBefore"),
    ],
)
def test_criteria_that_hit_nobody_in_particular_are_refused(criteria: Criteria, field: str) -> None:
    with pytest.raises(CriteriaError) as caught:
        require_usable(criteria, datetime.fromtimestamp(1_000, UTC))
    assert caught.value.field == field
