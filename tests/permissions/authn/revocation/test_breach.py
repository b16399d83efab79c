"""The case study's Question 2.1: 50,000 tokens are in the wild. Each scenario and follow-up question, by name.

Redis that is down, and fail-over: `test_redis_trouble` and `test_mirrors`. The 50,000 themselves: `make drill-breach`.
"""

from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from permissions.authn.accounts import Signed
from permissions.authn.errors import TokenRevokedError
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client
from permissions.authn.revocation.addresses import read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.revocations import Revocations
from tests.permissions.authn.conftest import CHEAP, LIVES, PASSWORD, Parts, new_worker, serving

EMAIL = "alice@demo.example"
OFFICE, CAFE = Client("192.0.2.7", "Firefox"), Client("198.51.100.9", "Firefox")
NETWORK = read_network("192.0.2.0/24")


def revocations(parts: Parts) -> Revocations:
    """The worker's."""
    found = parts.accounts.revoker
    assert isinstance(found, Revocations)
    return found


async def fate(parts: Parts, signed: Signed) -> str:
    """Why its access token is refused; `in` if it isn't."""
    token = await parts.accounts.tokens.verify(signed.access_token)
    try:
        parts.accounts.gate.require(token)
    except TokenRevokedError as error:
        return error.reason
    return "in"


async def refreshed(parts: Parts, signed: Signed, client: Client) -> str:
    """Why its refresh token is refused; `in` if it isn't."""
    try:
        await parts.accounts.refresh(signed.refresh_token, client)
    except TokenRevokedError as error:
        return error.reason
    return "in"


async def test_all_tokens_at_once_are_invalidated_and_everybody_can_sign_in_again(parts: Parts) -> None:
    before = [await parts.accounts.login(EMAIL, PASSWORD, each) for each in (OFFICE, CAFE)]
    await revocations(parts).revoke(Criteria(everyone=True), "breach", wait=False)
    after = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    assert [await fate(parts, each) for each in (*before, after)] == ["breach", "breach", "in"]
    assert [await refreshed(parts, *each) for each in ((before[0], OFFICE), (after, OFFICE))] == ["breach", "in"]


async def test_selective_invalidation_by_ip_range_hits_what_came_from_there_only(parts: Parts) -> None:
    hit, spared = [await parts.accounts.login(EMAIL, PASSWORD, each) for each in (OFFICE, CAFE)]
    await revocations(parts).revoke(Criteria(network=NETWORK), "breach", wait=False)
    assert [await fate(parts, each) for each in (hit, spared)] == ["breach", "in"]
    assert [await refreshed(parts, hit, CAFE), await refreshed(parts, spared, CAFE)] == ["breach", "in"]


async def test_a_thief_from_the_network_gains_nothing_by_refreshing_from_elsewhere(parts: Parts) -> None:
    """Nor does one whose session was opened elsewhere, and used from the network last."""
    opened_there = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    moved_out = await parts.accounts.refresh(opened_there.refresh_token, CAFE)
    opened_elsewhere = await parts.accounts.login(EMAIL, PASSWORD, CAFE)
    moved_in = await parts.accounts.refresh(opened_elsewhere.refresh_token, OFFICE)
    await revocations(parts).revoke(Criteria(network=NETWORK), "breach", wait=False)
    assert await fate(parts, moved_in) == "breach"
    assert [await refreshed(parts, each, CAFE) for each in (moved_out, moved_in)] == ["breach", "breach"]


async def test_a_family_that_a_rule_ended_stays_ended(parts: Parts) -> None:
    hit = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    await revocations(parts).revoke(Criteria(network=NETWORK), "breach", wait=False)
    assert [await refreshed(parts, hit, CAFE) for _ in range(3)] == ["breach"] * 3
    assert await parts.accounts.sessions_of(parts.alice.id) == []


async def test_a_specific_user_is_cut_off_on_all_devices(parts: Parts) -> None:
    devices = [await parts.accounts.login(EMAIL, PASSWORD, CAFE, name) for name in ("phone", "desk", "tablet")]
    await revocations(parts).revoke(Criteria(user_id=parts.alice.id), "breach", wait=False)
    assert [await fate(parts, each) for each in devices] == ["breach"] * 3
    assert [await refreshed(parts, each, CAFE) for each in devices] == ["breach"] * 3


async def test_users_are_told_why_and_can_not_mistake_it_for_an_expired_token(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    await revocations(parts).revoke(Criteria(user_id=parts.alice.id), "We were attacked: sign in again.", wait=False)
    with pytest.raises(TokenRevokedError) as caught:
        parts.accounts.gate.require(await parts.accounts.tokens.verify(signed.access_token))
    assert caught.value.reason == "We were attacked: sign in again."


@pytest.mark.parametrize(
    ("criteria", "kept"),
    [
        (Criteria(jti="t1"), LIVES.access),
        (Criteria(session_id="s1"), LIVES.access),
        (Criteria(key_id="k1"), LIVES.access),
        (Criteria(network=NETWORK), LIVES.access + LIVES.refresh),
        (Criteria(everyone=True), LIVES.access + LIVES.refresh),
    ],
    ids=repr,
)
async def test_rules_are_kept_as_long_as_what_they_hit_may_live_and_no_longer(
    parts: Parts, criteria: Criteria, kept: timedelta
) -> None:
    rule = revocations(parts).rule(criteria, "breach")
    assert rule.expires_at - rule.made_at == kept / timedelta(milliseconds=1)
    if criteria.issued_before is None and not criteria.brief:
        hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
        earlier = revocations(parts).rule(Criteria(everyone=True, issued_before=hour_ago), "breach")
        assert earlier.expires_at == pytest.approx(hour_ago * 1000 + kept / timedelta(milliseconds=1), abs=1)


async def test_a_worker_that_has_not_heard_of_a_rule_can_not_refresh_past_it(parts: Parts, redis: Redis) -> None:
    """The new token would be issued after the rule; but whoever refreshes asks Redis first what is new."""
    passwords = Passwords(1, CHEAP)
    deaf = new_worker(redis, parts.keys, passwords)
    await deaf.gate.mirror.load()
    signed = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    await revocations(parts).revoke(Criteria(network=NETWORK), "breach", wait=False)
    with pytest.raises(TokenRevokedError):
        await deaf.refresh(signed.refresh_token, CAFE)
    passwords.close()


async def test_while_a_worker_is_replaced_no_revoked_token_slips_through(parts: Parts, redis: Redis) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, OFFICE)
    await revocations(parts).revoke(Criteria(network=NETWORK), "breach", wait=False)
    passwords = Passwords(1, CHEAP)
    async with serving(new_worker(redis, parts.keys, passwords)) as replacement:
        with pytest.raises(TokenRevokedError):
            replacement.gate.require(await replacement.tokens.verify(signed.access_token))
    passwords.close()
