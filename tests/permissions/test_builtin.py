"""The built-in policies and the demo's roles, on stored conversations."""

from typing import Any, Final

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.policy import Policy
from models.user import User
from permissions.access import Access
from permissions.actions import Action
from permissions.builtin import demo_roles, demo_types, ensure_demo_roles, ensure_policies, policies
from permissions.engine.filters import equalities
from permissions.resources import FIELDS, conversation_resource, message_resource, session_resource, user_resource
from permissions.store import PermissionStore
from tests.permissions.test_store import add_user, principal

EMEA: Final = {"region": "EMEA", "clearance": 2}
PEOPLE: Final[dict[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    "root": (("super_admin",), {}),
    "admin": (("admin",), {}),
    "alice": (("analyst",), EMEA),
    "bob": (("analyst",), {"region": "US-West", "clearance": 1}),
    "sara": (("senior_analyst",), {"region": "EMEA", "clearance": 3}),
    "john": (("analyst", "guest", "report_viewer"), EMEA),
    "dana": (("data_scientist",), {"clearance": 1}),
    "guest": (("guest",), {}),
    "none": ((), {}),
}


@pytest.fixture
async def people(database: Database) -> dict[str, User]:
    """The demo's people with their roles."""
    await ensure_policies()
    await ensure_demo_roles()
    return {name: await add_user(name, *roles, attributes=has) for name, (roles, has) in PEOPLE.items()}


async def add_conversation(owner: User, **attributes: Any) -> Conversation:
    conversation = Conversation(
        owner_id=owner.id, attributes=attributes, started_at=now(), updated_at=now(), slot_width=50
    )
    await conversation.insert()
    return conversation


async def access_of(people: dict[str, User], name: str) -> Access:
    return await PermissionStore().access(principal(people[name]))


async def who(people: dict[str, User], action: Action, conversation: Conversation) -> set[str]:
    """Who may do it."""
    about = message_resource if action.resource_type == "message" else conversation_resource
    accesses = {name: await access_of(people, name) for name in people}
    return {name for name, access in accesses.items() if access.decide(action, about(conversation))}


async def test_who_may_do_what_with_alices_conversation(people: dict[str, User]) -> None:
    hers = await add_conversation(people["alice"], region="EMEA", clearance_required=2)

    assert await who(people, Action.CONVERSATION_READ, hers) == {"alice", "sara", "admin", "root"}
    assert await who(people, Action.MESSAGE_READ_METADATA, hers) == {"alice", "sara", "admin", "root"}
    assert await who(people, Action.MESSAGE_APPEND, hers) == {"alice", "root"}
    assert await who(people, Action.CONVERSATION_DELETE, hers) == {"alice", "root"}


async def test_john_reads_his_own_messages_without_their_metadata(people: dict[str, User]) -> None:
    his = await add_conversation(people["john"], region="EMEA", clearance_required=1)
    decision = (await access_of(people, "john")).decide(Action.MESSAGE_READ_METADATA, message_resource(his))

    assert "john" in await who(people, Action.MESSAGE_READ, his)
    assert not decision
    assert decision.decided_by == ("role report_viewer: deny message:read_metadata",)


async def test_an_owner_can_be_locked_out_by_nothing_that_attributes_say(people: dict[str, User]) -> None:
    forged = await add_conversation(people["alice"], owner_id=people["bob"].id, id="x", type="x", region=None)

    assert await who(people, Action.CONVERSATION_READ, forged) == {"alice", "admin", "root"}


async def test_lists_hold_what_each_may_read(people: dict[str, User]) -> None:
    for owner in ("alice", "bob", "john", "guest"):
        for attributes in (
            {"region": "EMEA", "clearance_required": 3},
            {"region": "EMEA", "clearance_required": 1},
            {"region": "US-West", "clearance_required": 1},
            {"region": ["EMEA"], "clearance_required": 1},
            {"region": "EMEA", "clearance_required": True},
            {"region": "EMEA"},
            {"owner_id": people["bob"].id},
        ):
            await add_conversation(people[owner], **attributes)
    stored = await Conversation.find_all().to_list()

    for name in people:
        access = await access_of(people, name)
        wanted = {each.id for each in stored if access.decide(Action.CONVERSATION_READ, conversation_resource(each))}
        assert await listed(access) == wanted, name


async def listed(access: Access) -> set[Any]:
    """As a resolver lists conversations."""
    found = set()
    for scope in access.scopes(Action.CONVERSATION_READ, "conversation"):
        pipeline: list[dict[str, Any]] = [{"$match": equalities(scope)}, {"$match": dict(scope)}]
        found |= {each["_id"] async for each in await Conversation.get_pymongo_collection().aggregate(pipeline)}
    return found


async def test_scopes_name_an_indexed_field(people: dict[str, User]) -> None:
    sara = (await access_of(people, "sara")).scopes(Action.CONVERSATION_READ, "conversation")

    indexed = [("attributes.region", "EMEA"), ("owner_id", people["sara"].id)]
    shared = [f"user:{people['sara'].id}", "role:analyst", "role:senior_analyst"]
    wanted = {*indexed, *(("grantees", each) for each in shared)}
    assert {pair for scope in sara for pair in equalities(scope).items()} == wanted
    assert len(sara) == len(wanted)
    assert (await access_of(people, "admin")).scopes(Action.CONVERSATION_READ, "conversation") == ({},)


async def test_accounts_are_seen_by_themselves_and_by_admins(people: dict[str, User]) -> None:
    emails = {
        name
        for name in people
        if (await access_of(people, name)).decide(Action.USER_READ_EMAIL, user_resource(people["bob"]))
    }
    listing = {name for name in people if (await access_of(people, name)).foresee(Action.USER_LIST)}

    assert emails == {"bob", "admin", "root"}
    assert listing == {"admin", "root"}


async def test_sessions_are_their_owners(people: dict[str, User]) -> None:
    session = session_resource("s", people["bob"].id)

    assert (await access_of(people, "bob")).decide(Action.SESSION_END, session)
    assert not (await access_of(people, "alice")).decide(Action.SESSION_END, session)
    assert (await access_of(people, "admin")).decide(Action.SESSION_END, session)


async def test_what_an_admin_has_changed_stays_changed(database: Database) -> None:
    await ensure_policies()
    await Policy.get_pymongo_collection().update_one({"_id": "own_account"}, {"$set": {"mode": "off"}})
    await ensure_policies()

    kept = await Policy.find_one({"_id": "own_account"})
    assert kept is not None
    assert kept.mode == "off"
    assert await Policy.count() == len(policies())


async def test_every_built_in_action_pattern_names_built_in_actions(database: Database) -> None:
    patterns = {grant.action for role in demo_roles() for grant in role.grants}
    patterns |= {action for policy in policies() for action in policy.actions}
    known = {"*", *Action, *(f"{action.resource_type}:*" for action in Action)}
    for each in demo_types():
        known |= {f"{each.id}:{verb}" for verb in (*each.actions, *each.levels, "*")}

    assert patterns <= known


def test_lists_look_where_checks_look() -> None:
    owner, conversation = PydanticObjectId(), PydanticObjectId()
    stored = Conversation.model_construct(id=conversation, owner_id=owner, attributes={"region": "EMEA"})
    document = {"_id": conversation, "owner_id": owner, "attributes": {"region": "EMEA"}}

    for resource in (conversation_resource(stored), message_resource(stored)):
        for name, value in {**resource.attributes, "id": resource.id}.items():
            place: Any = document
            for step in FIELDS[resource.type][name].split("."):
                place = place[step]
            assert place == value
