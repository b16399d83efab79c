"""A search finds exactly what evaluations allow, in random worlds."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from beanie import PydanticObjectId
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.authzen.answers import Desk
from api.authzen.facts import Gatherer
from api.authzen.pages import Page, PageRequest, Place
from api.authzen.questions import Act, Entity, Evaluation
from api.authzen.searches import Searches
from models.clock import now
from models.conversation import Conversation
from models.list_terms import stored_terms
from models.role import RoleAssignment
from models.user import User
from permissions.access import Access
from permissions.engine.facts import Env
from permissions.engine.snapshot import Snapshot
from resolvers.ids import encode
from tests.examples import examples
from tests.permissions import hostile
from tests.permissions.worlds import NOON
from tests.served import Served

ROLES: Final = ("r0", "r1", "r2", "r3", "ghost")
PEOPLE: Final = [*hostile.OWNERS, *(PydanticObjectId(f"{n:024x}") for n in range(101, 106))]
DOCUMENTS: Final = hostile.documents(40)
READ: Final = Act("read")


@pytest.fixture
async def peopled(served: Served) -> Served:
    """People with different roles and attributes, and conversations as nasty as they are stored."""
    for number, user_id in enumerate(PEOPLE):
        await _person(number, user_id)
    fields = {"deleted": False, "updated_at": NOON, "slot_width": 50}
    await Conversation.get_pymongo_collection().insert_many(
        [
            {**each, **fields, **stored_terms(each["_id"], each), "started_at": NOON + timedelta(seconds=n // 3)}
            for n, each in enumerate(DOCUMENTS)
        ]
    )
    return served


async def _person(number: int, user_id: Any) -> None:
    name = f"p{number}@demo.example"
    attributes = {"a": hostile.SCALARS[number * 5], "b": hostile.LISTS[number]}
    await User(
        id=user_id,
        email=name,
        email_key=name,
        display_name=name,
        name_key=name,
        password_hash="",
        attributes=attributes,
        created_at=now(),
    ).insert()
    for role in ROLES[number % 5 : number % 5 + 2]:
        await RoleAssignment(user_id=user_id, role=role, granted_at=now()).insert()


async def found(search: Callable[[PageRequest], Awaitable[Page]], size: int) -> list[str]:
    """The results of all pages."""
    results: list[str] = []
    place: Place | None = ()
    while place is not None:
        page = await search(PageRequest(size, place, ""))
        results += [str(each.get("id", each.get("name"))) for each in page.results]
        place = page.next
    assert len(set(results)) == len(results)
    return results


@settings(
    max_examples=examples(30),
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    snapshot=hostile.snapshots,
    context=hostile.attributes,
    number=st.integers(0, len(PEOPLE) - 1),
    other=st.integers(0, len(DOCUMENTS) - 1),
    size=st.sampled_from([3, 7, 100]),
)
async def test_searches_find_what_evaluations_allow(
    peopled: Served, snapshot: Snapshot, context: dict[str, Any], number: int, other: int, size: int
) -> None:
    access = Access(snapshot, None, Env(NOON))
    gatherer = Gatherer(peopled.services, access)
    searches, desk = Searches(peopled.services, access, gatherer), Desk(access, gatherer)
    who = Entity("user", encode("User", PEOPLE[number]))
    one = Entity("conversation", encode("Conversation", DOCUMENTS[other]["_id"]))
    sought = Entity("conversation")

    async def allowed(subject: Entity, action: str, resource: Entity) -> bool:
        answer = await desk.evaluate(Evaluation(subject, Act(action), resource, context))
        return bool(answer["decision"])

    everything = [Entity("conversation", encode("Conversation", each["_id"])) for each in DOCUMENTS]
    readable = {each.id for each in everything if await allowed(who, "read", each)}
    assert set(await found(lambda page: searches.resources(who, READ, sought, context, page), size)) == readable

    everybody = [Entity("user", encode("User", user.id)) for user in await User.find_all().to_list()]
    readers = {each.id for each in everybody if await allowed(each, "read", one)}
    assert set(await found(lambda page: searches.subjects(Entity("user"), READ, one, context, page), size)) == readers

    verbs = ("append", "create", "delete", "read", "share", "update")
    doable = [verb for verb in verbs if await allowed(who, verb, one)]
    assert await found(lambda page: searches.actions(who, one, context, page), size) == doable
