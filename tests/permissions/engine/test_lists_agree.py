"""A list shows what a check allows: the one promise that may never break."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from models.database import Database, Record
from permissions.engine.cel.compile import compiled
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.filters import Filter, equalities
from permissions.engine.snapshot import Snapshot
from permissions.resources import FIELDS
from tests.examples import FIXED
from tests.permissions import hostile

DOCUMENTS = hostile.documents(150)
READ = "conversation:read"


@pytest.fixture
async def stocked(database: Database) -> Database:
    """A database with the hostile documents."""
    await database.db.hostile.insert_many(DOCUMENTS)
    return database


@pytest.fixture
async def stored(stocked: Database) -> list[Record]:
    """Those, as they are read: once, for no example changes them."""
    return await stocked.db.hostile.find({}).to_list()


async def listed(database: Database, scopes: tuple[Any, ...]) -> set[Any]:
    """What the resolvers would fetch."""
    found: set[Any] = set()
    for scope in scopes:
        pipeline = [{"$match": equalities(scope)}, {"$match": scope}, {"$project": {"_id": 1}}]
        found |= {document["_id"] async for document in await database.db.hostile.aggregate(pipeline)}
    return found


@settings(
    max_examples=80 if FIXED else 300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(snapshot=hostile.snapshots, subject=hostile.subjects, env=hostile.environments, strategy=hostile.strategies)
async def test_a_list_holds_exactly_what_a_check_allows(
    stocked: Database,
    stored: list[Record],
    snapshot: Snapshot,
    subject: Subject,
    env: Env,
    strategy: ConflictStrategy,
) -> None:
    allowed = {
        document["_id"]
        for document in stored
        if snapshot.decide(subject, READ, hostile.resource(document), env, strategy)
    }
    scopes = snapshot.scopes(subject, READ, "conversation", env, strategy)

    assert await listed(stocked, scopes) == allowed
    assert snapshot.foresee(subject, READ, "conversation", env, strategy) or not allowed


async def matching(database: Database, scope: Filter) -> set[Any]:
    """The documents that a filter matches."""
    if scope is None:
        return set()
    found = await database.db.hostile.aggregate([{"$match": {}}, {"$match": dict(scope)}, {"$project": {"_id": 1}}])
    return {document["_id"] async for document in found}


@settings(
    max_examples=110 if FIXED else 400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(text=hostile.conditions, subject=hostile.subjects, env=hostile.environments)
async def test_a_condition_is_true_false_and_faulty_in_mongodb_as_it_is_in_python(
    stocked: Database, stored: list[Record], text: str, subject: Subject, env: Env
) -> None:
    condition = compiled(text)
    test, known = condition.test(), Facts(subject, ("r0",), Resource("conversation"), env)
    truths = {each["_id"]: test(known._replace(resource=hostile.resource(each))) for each in stored}

    pair = condition.pair(known, FIELDS["conversation"])

    assert await matching(stocked, pair.true) == {each for each, truth in truths.items() if truth is True}
    assert await matching(stocked, pair.false) == {each for each, truth in truths.items() if truth is False}
