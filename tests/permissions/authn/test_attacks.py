"""Forged and damaged tokens, on rings of each algorithm: refused alike, and without asking a store."""

import pytest

from models.database import Database
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.keys import ALGORITHMS, KeyRing
from permissions.authn.tokens import Tokens
from tests.database_calls import database_calls
from tests.permissions.authn.attacks import attacks
from tests.permissions.authn.conftest import SECRET
from tests.permissions.authn.forgery import Forger


async def ring_of(algorithm: str) -> KeyRing:
    """A worker's."""
    ring = KeyRing(SECRET, algorithm=algorithm)
    await ring.ensure()
    return ring


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_forgers_own_good_token_is_accepted(database: Database, algorithm: str) -> None:
    forger = Forger(await ring_of(algorithm))
    tokens = Tokens(forger.keys, issuer="parley", audience="parley", lifetime=900)
    claims = forger.claims()
    assert (await tokens.verify(forger.token(claims=claims))).jti == claims["jti"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_attack_is_refused_as_unauthenticated(
    database: Database, algorithm: str, subtests: pytest.Subtests
) -> None:
    forger = Forger(await ring_of(algorithm))
    tokens = Tokens(forger.keys, issuer="parley", audience="parley", lifetime=900)
    table = attacks(algorithm)
    assert len(table) > 400
    with database_calls() as calls:
        for name, attack in table.items():
            with subtests.test(name):
                with pytest.raises(UnauthenticatedError) as caught:
                    await tokens.verify(attack(forger))
                assert type(caught.value) is UnauthenticatedError
                assert len(str(caught.value)) < 60, "nothing of the token is repeated"
    assert calls == [("find", "signing_keys")], "the id of a key that is gone, and no other forgery, costs a look"
