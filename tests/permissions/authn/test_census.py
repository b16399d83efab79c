"""Counting what a revocation hits: all of it, no more, and not for ever."""

import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from permissions.authn import census
from permissions.authn.census import Count
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.revocation.addresses import read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged
from permissions.authn.sessions import Session, Sessions

ANN, BEN = PydanticObjectId(), PydanticObjectId()
OFFICE = read_network("192.0.2.0/24")


@pytest.fixture
def sessions(redis: Redis) -> Sessions:
    return Sessions(redis)


async def opened(sessions: Sessions, user_id: PydanticObjectId, ip: str | None, device: str = "phone") -> Session:
    return await sessions.open(Principal(user_id, new_id()), "digest", device, Client(ip))


def noted(seen: list[Judged], judged: Judged) -> bool:
    seen.append(judged)
    return True


async def test_each_living_session_is_looked_at_once_as_it_is_stored(sessions: Sessions, redis: Redis) -> None:
    living = [await opened(sessions, ANN, "192.0.2.7", "Zoë's “phone”"), await opened(sessions, BEN, None)]
    over = await opened(sessions, BEN, "2001:db8::1")
    await sessions.end(over.principal, "logged_out")
    await redis.set("parley:else", "not a session")
    seen: list[Judged] = []
    counted = await census.count(redis, Criteria(everyone=True), lambda judged: noted(seen, judged))
    assert counted == Count(2, complete=True)
    assert {(each.user_id, each.session_id, each.device) for each in seen} == {
        (each.user_id, each.id, each.device) for each in living
    }
    assert [[str(part) for part in each.addresses] for each in seen if each.user_id == BEN] == [[]]


async def test_more_than_a_batch_is_counted_wholly(
    sessions: Sessions, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "_BATCH", 10)
    for number in range(100):
        await opened(sessions, ANN, "192.0.2.7" if number % 4 == 0 else "198.51.100.9")
    hits: set[str] = set()

    def in_the_office(judged: Judged) -> bool:
        hit = judged.addresses[0].value >> 8 == int(OFFICE.network_address) >> 8
        if hit:
            hits.add(judged.session_id)
        return hit

    counted = await census.count(redis, Criteria(network=OFFICE), in_the_office)
    assert counted.complete
    assert len(hits) == 25 <= counted.found, "one may come twice while Redis grows"


@pytest.mark.parametrize("by", ["user", "session", "both"])
async def test_where_the_user_or_the_session_is_named_no_other_is_looked_at(
    sessions: Sessions, redis: Redis, by: str
) -> None:
    wanted, *_ = [await opened(sessions, each, "192.0.2.7") for each in (ANN, BEN, BEN)]
    criteria = Criteria(user_id=None if by == "session" else ANN, session_id=None if by == "user" else wanted.id)
    seen: list[Judged] = []
    await census.count(redis, criteria, lambda judged: noted(seen, judged))
    assert [each.session_id for each in seen] == [wanted.id]


async def test_nobody_waits_for_a_count_for_ever_and_what_is_missing_is_said(sessions: Sessions, redis: Redis) -> None:
    await opened(sessions, ANN, "192.0.2.7")
    counted = await census.count(redis, Criteria(everyone=True), lambda _: True, seconds=-1)
    assert counted == Count(0, complete=False)
