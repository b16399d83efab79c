"""Rotations of several workers: at the same instant, by age, by another algorithm; and what is told of them."""

import asyncio
from datetime import datetime, timedelta

import pytest

from models.database import Database
from models.signing_key import SigningKey
from permissions.audit.events import SYSTEM, Origin
from permissions.audit.log import AuditLog
from permissions.authn.errors import KeyRingError
from permissions.authn.keys import KeyRing
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.revoker import Applied
from permissions.key_rotation import KeyRotation
from tests.permissions.authn.conftest import SECRET

SOMEBODY = Origin(None, "a session", "192.0.2.7", "a request")


class Told:
    """A `Revoker` that keeps what it is told."""

    def __init__(self) -> None:
        self.rules: list[tuple[Criteria, str]] = []

    async def revoke(
        self,
        criteria: Criteria,
        reason: str,
        *,
        wait: bool = True,
        life: timedelta | None = None,
        unless_since: datetime | None = None,
    ) -> Applied:
        self.rules.append((criteria, reason))
        return Applied(True)


async def worker(log: AuditLog | None = None, told: Told | None = None, algorithm: str = "EdDSA") -> KeyRotation:
    ring = KeyRing(SECRET, algorithm=algorithm)
    await ring.ensure()
    return KeyRotation(ring, log=log, revoker=told)


async def numbers() -> list[int]:
    return sorted(key.number for key in await SigningKey.find_all().to_list())


async def kinds(database: Database, audit: AuditLog) -> list[str]:
    await audit.flush()
    blocks = await database.db.audit_blocks.find({}).to_list()
    return [record["kind"] for block in blocks for record in block["records"]]


async def test_those_who_ask_at_the_same_instant_get_the_same_key(database: Database) -> None:
    workers = [await worker() for _ in range(6)]
    rotated = await asyncio.gather(*(each.rotate(SOMEBODY) for each in workers * 2))
    assert len({each.key_id for each in rotated}) == 1
    assert [each.made for each in rotated].count(True) == 1
    assert await numbers() == [1, 2]


async def test_who_asks_afterwards_gets_another(database: Database) -> None:
    one, other = await worker(), await worker()
    assert (await one.rotate(SOMEBODY)).key_id != (await other.rotate(SOMEBODY)).key_id
    assert await numbers() == [1, 2, 3]


async def test_by_schedule_one_worker_rotates_once(database: Database, audit: AuditLog) -> None:
    workers = [await worker(audit) for _ in range(4)]
    assert [await each.rotate_if_due(timedelta(days=90)) for each in workers] == [None] * 4
    rotated = await asyncio.gather(*(each.rotate_if_due(timedelta(0)) for each in workers))
    assert sum(each is not None for each in rotated) == 1
    assert await numbers() == [1, 2]
    assert await kinds(database, audit) == ["signing_key.rotated"]


async def test_another_algorithm_that_is_set_rotates_once(database: Database, audit: AuditLog) -> None:
    await worker()
    workers = [await worker(audit, algorithm="ES256") for _ in range(3)]
    await asyncio.gather(*(each.adopt_algorithm() for each in workers))
    assert {each.ring.signer().algorithm for each in workers} == {"ES256"}
    assert await workers[0].adopt_algorithm() is None
    assert await numbers() == [1, 2]
    assert await kinds(database, audit) == ["signing_key.rotated"]


async def test_revoked_keys_end_what_was_opened_with_them(database: Database, audit: AuditLog) -> None:
    told = Told()
    rotation = await worker(audit, told)
    first = rotation.ring.signer().kid
    second = (await rotation.rotate(SOMEBODY)).key_id
    assert told.rules == []
    third = await rotation.rotate(SOMEBODY, revoke_now=True)
    assert set(third.revoked) == {first, second}
    assert {(criteria.key_id, reason) for criteria, reason in told.rules} == {
        (first, "key_revoked"),
        (second, "key_revoked"),
    }
    assert (await rotation.rotate(SOMEBODY, revoke_now=True)).revoked == (third.key_id,)
    assert await kinds(database, audit) == ["signing_key.rotated", *["signing_key.revoked"] * 2]


async def test_an_empty_ring_has_nothing_to_rotate(database: Database) -> None:
    with pytest.raises(KeyRingError, match="parley serve"):
        await KeyRotation(KeyRing(SECRET)).rotate(SYSTEM)
