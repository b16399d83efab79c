"""The key ring: made once, kept sealed, shared by all workers."""

import asyncio
from base64 import urlsafe_b64decode

import jwt
import pytest
from beanie import PydanticObjectId
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.clock import now
from models.database import Database
from models.signing_key import SigningKey
from permissions.authn.errors import KeyRingError
from permissions.authn.keys import KeyRing
from permissions.authn.principal import new_id
from permissions.authn.sessions import Session
from permissions.authn.tokens import Tokens
from tests.database_calls import database_calls
from tests.permissions.authn.conftest import SECRET


async def a_ring() -> KeyRing:
    """A worker's."""
    ring = KeyRing(SECRET)
    await ring.ensure()
    return ring


def raw(ring: KeyRing) -> bytes:
    """The secret part of the key that signs."""
    private = ring.signer().private
    assert isinstance(private, Ed25519PrivateKey)
    return private.private_bytes_raw()


async def test_of_many_workers_that_start_at_once_one_makes_the_key(database: Database) -> None:
    rings = await asyncio.gather(*(a_ring() for _ in range(10)))
    assert len({ring.signer().kid for ring in rings}) == 1
    assert len({raw(ring) for ring in rings}) == 1
    assert await SigningKey.get_pymongo_collection().count_documents({}) == 1


async def test_a_second_start_finds_the_key_again(database: Database) -> None:
    assert (await a_ring()).signer().kid == (await a_ring()).signer().kid


async def test_the_private_key_is_stored_sealed(database: Database) -> None:
    ring = await a_ring()
    (stored,) = await SigningKey.find_all().to_list()
    assert raw(ring) not in stored.encrypted_private_key


async def test_another_secret_is_told_what_to_do(database: Database) -> None:
    await a_ring()
    with pytest.raises(KeyRingError, match="PARLEY_SECRET_KEY"):
        await KeyRing("another secret of more than 32 characters").ensure()


async def test_a_sealed_key_can_not_be_moved_to_another_record(database: Database) -> None:
    await a_ring()
    (stored,) = await SigningKey.find_all().to_list()
    await SigningKey.get_pymongo_collection().delete_one({"_id": stored.id})
    await stored.model_copy(update={"id": "moved"}).insert()
    ring = KeyRing(SECRET)
    await ring.load()
    with pytest.raises(KeyRingError):
        ring.signer()


async def test_a_ring_that_was_never_loaded_signs_nothing() -> None:
    with pytest.raises(KeyRingError):
        KeyRing(SECRET).signer()


async def test_invented_key_ids_cost_the_database_nothing(database: Database) -> None:
    ring = await a_ring()
    kid = ring.signer().kid
    invented = [f"unknown-{number}" for number in range(100)] + [kid[:-1] + ("A" if kid[-1] != "A" else "B"), kid * 2]
    with database_calls() as calls:
        assert await asyncio.gather(*(ring.find(each) for each in invented)) == [None] * len(invented)
    assert calls == []


async def test_the_id_of_a_dropped_key_costs_the_database_one_look_a_second(database: Database) -> None:
    ring = await a_ring()
    dropped = ring.vault.new_id()
    with database_calls() as calls:
        assert set(await asyncio.gather(*(ring.find(dropped) for _ in range(200)))) == {None}
    assert calls == [("find", "signing_keys")]


async def test_a_key_made_elsewhere_is_found_at_its_first_token(database: Database) -> None:
    early, other = await a_ring(), await a_ring()
    await other.rotate(1)
    kid = other.signer().kid
    assert await early.find(kid) is not None
    assert early.signer().kid == kid


def a_session() -> Session:
    """Somebody's."""
    return Session(new_id(), PydanticObjectId(), None, None, now(), now(), now())


async def test_others_verify_our_tokens_with_the_published_keys(database: Database) -> None:
    ring = await a_ring()
    token = Tokens(ring, issuer="parley", audience="parley", lifetime=900).issue(a_session())
    published = jwt.PyJWKSet.from_dict(ring.jwks())
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["EdDSA"], audience="parley", issuer="parley")["sub"]
    assert len(urlsafe_b64decode(ring.jwks()["keys"][0]["x"] + "=")) == 32
    assert all("d" not in jwk for jwk in ring.jwks()["keys"])
