"""When an open socket hears that it is over."""

import asyncio
import time
from dataclasses import replace

from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.tokens import AccessToken
from tests.permissions.authn.conftest import PASSWORD, Parts
from tests.permissions.authn.families import EMAIL, HOME


async def token_of(parts: Parts, seconds: float = 900) -> AccessToken:
    """Of a new session, and good for so long from now on."""
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    token = await parts.accounts.tokens.verify(signed.access_token)
    return replace(token, expires_at=time.time() + seconds)  # type: ignore[arg-type]


async def heard(cutoff: Cutoff, seconds: float = 5) -> Cut:
    async with asyncio.timeout(seconds):
        return await cutoff.wait()


async def test_it_hears_of_the_rule_that_hits_its_token_and_of_no_other(parts: Parts) -> None:
    mirror, accounts = parts.accounts.gate.mirror, parts.accounts
    cutoff, spared = Cutoff(), Cutoff()
    token, other = await token_of(parts), await token_of(parts)
    cutoff.watch(token, mirror)
    spared.watch(other, mirror)
    await accounts.endings.one(token.principal, "session_ended")
    assert await heard(cutoff) == Cut("session_ended")
    assert spared.cut is None
    await accounts.revoker.revoke(Criteria(user_id=parts.alice.id, spared=other.principal.session_id), "theft")
    assert spared.cut is None
    await accounts.revoker.revoke(Criteria(everyone=True), "breach")
    assert await heard(spared) == Cut("breach")
    assert cutoff.cut == Cut("session_ended"), "the first reason counts"
    cutoff.release()
    spared.release()


async def test_what_was_taken_back_before_it_watched_is_noticed(parts: Parts) -> None:
    token = await token_of(parts)
    await parts.accounts.endings.one(token.principal, "session_ended")
    cutoff = Cutoff()
    cutoff.watch(token, parts.accounts.gate.mirror)
    assert cutoff.cut == Cut("session_ended")
    cutoff.release()


async def test_it_ends_when_its_token_expires_unless_a_newer_one_came(parts: Parts) -> None:
    mirror = parts.accounts.gate.mirror
    short, long = await token_of(parts, 0.05), await token_of(parts)
    ending, renewed = Cutoff(), Cutoff()
    ending.watch(short, mirror)
    renewed.watch(short, mirror)
    renewed.watch(long, mirror)
    assert await heard(ending) == Cut(None)
    assert renewed.cut is None
    await parts.accounts.endings.one(short.principal, "session_ended")
    assert renewed.cut is None, "the older token is no matter of its any more"
    await parts.accounts.endings.one(long.principal, "session_ended")
    assert await heard(renewed) == Cut("session_ended")
    for each in (ending, renewed):
        each.release()


async def test_after_its_release_it_hears_of_nothing(parts: Parts) -> None:
    token, cutoff = await token_of(parts), Cutoff()
    cutoff.watch(token, parts.accounts.gate.mirror)
    cutoff.release()
    await parts.accounts.endings.one(token.principal, "session_ended")
    assert cutoff.cut is None
