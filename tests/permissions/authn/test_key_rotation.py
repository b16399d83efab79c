"""The ring through time: the next key, what becomes of the older ones, and what a crash leaves."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from beanie import PydanticObjectId

from models import clock
from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import m0005_signing_keys
from models.signing_key import SigningKey
from permissions.authn.errors import KeyRingError, TokenRevokedError, UnauthenticatedError
from permissions.authn.keys import ALGORITHMS, KeyRing, Use, ring
from permissions.authn.keys.lives import MARGIN_SECONDS
from permissions.authn.principal import Principal, new_id
from permissions.authn.refresh import RefreshTokens
from permissions.authn.tokens import Tokens
from tests.database_calls import database_calls
from tests.permissions.authn.conftest import SECRET
from tests.permissions.authn.forgery import Forger

PAIRS = [*pairwise(ALGORITHMS), ("HS256", "EdDSA"), *zip(ALGORITHMS, ALGORITHMS, strict=True)]


async def ring_of(algorithm: str = "EdDSA", secret: str = SECRET, **others: object) -> KeyRing:
    """A worker's."""
    made = KeyRing(secret, algorithm=algorithm, token_seconds=900, **others)  # type: ignore[arg-type]
    await made.ensure()
    return made


def tokens_of(keys: KeyRing) -> Tokens:
    return Tokens(keys, issuer="parley", audience="parley", lifetime=900)


async def accepts(keys: KeyRing, token: str) -> bool:
    try:
        await tokens_of(keys).verify(token)
    except UnauthenticatedError:
        return False
    return True


def uses(keys: KeyRing) -> list[Use]:
    return [life.use for life in keys.lives]


async def stored() -> list[SigningKey]:
    return sorted(await SigningKey.find_all().to_list(), key=lambda key: key.number)


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> Iterator[None]:
    """The ring looks at a clock that is ahead."""
    with monkeypatch.context() as patch:
        patch.setattr(ring, "now", lambda: clock.now() + by)
        yield


@pytest.mark.parametrize(("old", "new"), PAIRS)
async def test_the_new_key_signs_and_tokens_of_the_old_one_stay_good(database: Database, old: str, new: str) -> None:
    """Zero downtime: a request under way, and each one until its token expires, goes through."""
    before = Forger(await ring_of(old)).token()
    keys = KeyRing(SECRET, algorithm=new, token_seconds=900)
    await keys.load()
    await keys.rotate(1)
    after = Forger(keys)
    assert keys.signer().algorithm == new
    assert await accepts(keys, before)
    assert await accepts(keys, after.token())
    assert uses(keys) == [Use.VERIFIES, Use.SIGNS]


async def test_rotating_a_shared_secret_works_with_two_secrets(database: Database) -> None:
    """The case study's option 1, without its outage: both secrets verify, and the new one signs."""
    keys = await ring_of("HS256")
    first = Forger(keys).token()
    await keys.rotate(1)
    second = Forger(keys).token()
    assert keys.signer().private not in [key.encrypted_private_key for key in await stored()]
    assert [await accepts(other, token) for other in (keys, await ring_of("HS256")) for token in (first, second)] == [
        True
    ] * 4
    assert keys.jwks() == {"keys": []}, "a shared secret is shown to nobody"


async def test_two_at_the_same_instant_make_one_key(database: Database) -> None:
    rings = [await ring_of() for _ in range(8)]
    made = await asyncio.gather(*(each.rotate(1) for each in rings))
    assert made.count(True) == 1
    assert len({each.signer().kid for each in rings}) == 1
    assert [key.number for key in await stored()] == [1, 2]


async def test_a_worker_that_looks_signs_with_the_new_key(database: Database) -> None:
    one, other = await ring_of(), await ring_of()
    await one.rotate(1)
    assert other.signer().kid != one.signer().kid
    await other.load()
    assert other.signer().kid == one.signer().kid


async def test_a_worker_that_was_stopped_for_a_while_looks_before_it_signs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, stopped = await ring_of(), await ring_of()
    await one.rotate(1)
    monkeypatch.setattr(ring, "FRESH_SECONDS", 3600.0)
    with database_calls() as calls:
        await asyncio.gather(*(tokens_of(stopped).prepare() for _ in range(20)))
    assert calls == [], "what it read is fresh"
    monkeypatch.setattr(stopped, "_read", float("-inf"))
    with database_calls() as calls:
        await asyncio.gather(*(tokens_of(stopped).prepare() for _ in range(20)))
    assert calls == [("find", "signing_keys")]
    assert stopped.signer().kid == one.signer().kid


async def test_the_old_key_goes_when_its_last_token_has_expired(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = await ring_of("ES256")
    old = keys.signer().kid
    await keys.rotate(1)
    with later(monkeypatch, timedelta(seconds=900 + MARGIN_SECONDS - 5)):
        await keys.load()
        await keys.tidy()
        assert keys.holds(old)
        assert [key["kid"] for key in keys.jwks()["keys"]] == [old, keys.signer().kid]
    with later(monkeypatch, timedelta(seconds=900 + MARGIN_SECONDS + 5)):
        await keys.load()
        assert not keys.holds(old)
        assert [key["kid"] for key in keys.jwks()["keys"]] == [keys.signer().kid]
        await keys.tidy()
    assert [key.id for key in await stored()] == [keys.signer().kid]


async def test_the_grace_is_as_long_as_the_longest_life_that_any_worker_gives(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = await ring_of()
    generous = KeyRing(SECRET, token_seconds=3600)
    await generous.ensure()
    old = keys.signer().kid
    await keys.rotate(1)
    with later(monkeypatch, timedelta(seconds=3600)):
        await keys.load()
        assert keys.holds(old)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_retired_private_key_is_wiped_unless_it_must_verify(database: Database, algorithm: str) -> None:
    keys = await ring_of(algorithm)
    await keys.rotate(1)
    await keys.tidy()
    old, new = await stored()
    assert bool(old.encrypted_private_key) == (algorithm == "HS256")
    assert new.encrypted_private_key
    assert await accepts(await ring_of(algorithm), Forger(keys).token())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_revoked_keys_are_refused_with_the_reason_and_nothing_is_kept_of_them(
    database: Database, algorithm: str
) -> None:
    keys = await ring_of(algorithm)
    worker = await ring_of(algorithm)
    oldest = Forger(keys).token()
    await keys.rotate(1)
    old = Forger(keys).token()
    assert await accepts(worker, oldest)
    assert await accepts(worker, old)
    await keys.rotate(2, revoke=True)
    await worker.load()
    for token in (oldest, old):
        with pytest.raises(TokenRevokedError) as caught:
            await tokens_of(worker).verify(token)
        assert caught.value.reason == "key_revoked"
    assert await accepts(worker, Forger(keys).token())
    assert [key["kid"] for key in worker.jwks()["keys"]] == [keys.signer().kid][: algorithm != "HS256"]
    assert [(key.public_key, key.encrypted_private_key) for key in (await stored())[:2]] == [(b"", b"")] * 2


async def test_a_token_that_was_verified_before_falls_with_its_revoked_key(database: Database) -> None:
    keys = await ring_of()
    tokens, token = tokens_of(keys), Forger(keys).token()
    await tokens.verify(token)
    await keys.rotate(1, revoke=True)
    with pytest.raises(TokenRevokedError):
        await tokens.verify(token)


async def test_a_forger_with_the_leaked_key_gets_nowhere_however_he_dates_his_tokens(database: Database) -> None:
    keys, thief = await ring_of(), Forger(await ring_of())
    await keys.rotate(1, revoke=True)
    for ahead in (-600, 0, 4):
        claims = thief.claims(sub=str(PydanticObjectId()))
        claims |= {name: claims[name] + ahead for name in ("iat", "nbf", "exp", "auth_time")}
        assert not await accepts(keys, thief.token(claims=claims))
    assert not await accepts(keys, thief.token(thief.header(kid=keys.signer().kid))), "nor under the new key's id"


async def test_the_first_moment_of_a_revocation_counts(database: Database) -> None:
    keys = await ring_of()
    await keys.rotate(1, revoke=True)
    (first, _) = await stored()
    await keys.rotate(2, revoke=True)
    assert (await stored())[0].revoked_at == first.revoked_at is not None


async def test_the_key_of_an_earlier_release_goes_on(database: Database) -> None:
    keys = await ring_of()
    token = Forger(keys).token()
    collection = SigningKey.get_pymongo_collection()
    removed = {"number": 1, "token_seconds": 1, "revoked_at": 1}
    await collection.drop_index("number")
    await collection.update_one({}, {"$unset": removed, "$set": {"retired_at": None}})
    await m0005_signing_keys.apply(database.db)
    worker = await ring_of()
    assert await accepts(worker, token)
    await worker.rotate(1)
    assert await accepts(worker, token)


NEW_SECRET = "a newer secret of more than thirty-two characters"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_master_secret_is_replaced_without_a_gap(database: Database, algorithm: str) -> None:
    token = Forger(await ring_of(algorithm)).token()
    both = await ring_of(algorithm, NEW_SECRET, previous=SECRET)
    assert await accepts(both, token)
    assert await both.reseal() == 1
    assert await both.reseal() == 0
    alone = await ring_of(algorithm, NEW_SECRET)
    assert await accepts(alone, token)
    assert await accepts(both, Forger(alone).token())
    with pytest.raises(KeyRingError, match="PARLEY_SECRET_KEY"):
        await ring_of(algorithm)


ROTATES_FOR_EVER = """
import asyncio, sys
from models.database import Database
from permissions.authn.keys import KeyRing

async def main(uri, name, secret):
    async with await Database.connect(uri, name):
        ring = KeyRing(secret, token_seconds=900)
        await ring.ensure()
        while True:
            await ring.rotate(ring.newest.number, revoke=True)
            print("rotated", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_killed_amid_a_rotation_leaves_a_ring_that_can_be_used(
    database: Database, stores: EmbeddedStores
) -> None:
    arguments = ["-c", ROTATES_FOR_EVER, stores.mongodb_uri, database.db.name, SECRET]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    assert process.stdout
    for _ in range(10):
        assert await process.stdout.readline() == b"rotated\n"
    process.kill()
    await process.wait()
    keys = await ring_of()
    token = Forger(keys).token()
    assert await accepts(keys, token)
    await keys.rotate(keys.lives[-1].key.number, revoke=True)
    assert set(uses(keys)[:-1]) == {Use.REVOKED}, "done again, it is done"
    assert not await accepts(keys, token)
    assert await accepts(keys, Forger(keys).token())


def test_refresh_tokens_of_the_previous_master_secret_go_on() -> None:
    """A family stays with its secret, so that workers that know only that one agree with those that know both."""
    old, both, new = RefreshTokens(SECRET), RefreshTokens(NEW_SECRET, SECRET), RefreshTokens(NEW_SECRET)
    somebody = Principal(PydanticObjectId(), new_id())
    token = old.issue(somebody)
    assert both.read(token) == somebody
    assert both.successor(token, 2) == old.successor(token, 2)
    assert both.read(both.successor(token)) == somebody
    assert new.read(both.issue(somebody)) == somebody
    with pytest.raises(UnauthenticatedError):
        new.read(token)
