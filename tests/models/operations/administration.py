"""What is asked and done about accounts, roles and the audit log."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from models.clock import now
from models.tree import MAIN, Address
from permissions.administration import Administration
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.events import Origin, Target
from permissions.audit.retention import cut
from permissions.changes import SYSTEM, PermissionChanges
from permissions.erasure import Eraser
from permissions.store import PermissionStore
from tests.models.operations.world import SAYS, World
from tests.resolvers.chat.documents import start
from tests.served import SECRET

USERS: Final = """query ($after: String, $search: String) { users(first: 3, after: $after, search: $search) {
  edges { cursor node { email roleAssignments { role { name } grantedBy { id } } } } } }"""
CREATE_ROLE: Final = 'mutation { createRole(input: {name: "r", inherits: ["guest"]}) { permissionsToken } }'
GIVE_ROLE: Final = """mutation ($id: ID!) { assignRole(input: {userId: $id, role: "r"}) { assignment { id } } }"""
END_ROLE: Final = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { assignment { id } } }"
DELETE_ROLE: Final = 'mutation { deleteRole(name: "r", cascade: true) { name } }'
WHO: Final = """query ($at: DateTime, $after: String) { whoHasAccess(action: "sales_data:read", first: 1, at: $at,
  after: $after, resource: {type: "sales_data"}) { edges { cursor node { user { id } } } } }"""
EFFECTIVE: Final = """query ($id: ID!, $at: DateTime) { effectivePermissions(userId: $id, at: $at) { at } }"""
EVENTS: Final = """query ($first: Int, $after: String, $filter: AuditFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    edges { node { at decisionId } } pageInfo { endCursor } } }"""
CREATE_USER: Final = """mutation { createUser(input: {email: "new@demo.example", displayName: "New"}) {
  user { id } } }"""
RESET_PASSWORD: Final = "mutation ($id: ID!) { resetPassword(input: {userId: $id}) { oneTimePassword } }"
DISABLE_USER: Final = "mutation ($id: ID!) { disableUser(input: {userId: $id}) { applied } }"
ENABLE_USER: Final = "mutation ($id: ID!) { enableUser(input: {userId: $id}) { applied } }"
CHANGE_PASSWORD: Final = """mutation ($current: String!) { changePassword(input: {email: "new@demo.example",
  currentPassword: $current, newPassword: "another password, long enough"}) { endedSessions } }"""
LOGIN: Final = """mutation { login(input: {email: "nobody@demo.example", password: "x"}) { expiresIn } }"""


async def found_users(world: World) -> None:
    found = await world.ask(world.admin, USERS)
    await world.ask(world.admin, USERS, after=found["users"]["edges"][0]["cursor"])
    await world.ask(world.admin, USERS, search="a")


async def managed(world: World) -> None:
    """Roles made, given, taken away and deleted; and as they were in the past."""
    root, alice = await world.served.as_("root"), world.served.people["alice"]
    before = now()
    await world.ask(root, CREATE_ROLE)
    given = await world.ask(root, GIVE_ROLE, id=world.alice_id)
    await world.ask(root, END_ROLE, id=given["assignRole"]["assignment"]["id"])
    await world.ask(root, GIVE_ROLE, id=world.alice_id)
    await world.ask(root, DELETE_ROLE)
    changes = PermissionChanges(PermissionStore())
    await changes.set_attributes(alice.id, {"clearance": 3}, SYSTEM)
    store = PermissionStore()
    for moment in (before, now(), None):
        await store.world(moment)
        await store.subject(alice.id, moment)


async def asked_about(world: World) -> None:
    """Who may do what, now and in the past."""
    for at in (None, now().isoformat()):
        found = await world.ask(world.admin, WHO, at=at)
        await world.ask(world.admin, WHO, at=at, after=found["whoHasAccess"]["edges"][0]["cursor"])
        await world.ask(world.admin, EFFECTIVE, id=world.alice_id, at=at)


async def administered(world: World) -> None:
    """Accounts made, closed, opened and renewed; a password changed."""
    root = await world.served.as_("root")
    made = (await world.ask(root, CREATE_USER))["createUser"]
    whom = {"id": made["user"]["id"]}
    for document in (RESET_PASSWORD, DISABLE_USER, ENABLE_USER):
        await world.ask(root, document, **whom)
    handed = (await world.ask(root, RESET_PASSWORD, **whom))["resetPassword"]["oneTimePassword"]
    await world.ask(world.served.nobody, CHANGE_PASSWORD, current=handed)


async def audited(world: World) -> None:
    """The log in every way in which it is searched, walked, checked and cut."""
    await world.served.services.audit.write("test", Origin(), Target("user", world.alice_id))
    await world.alice.ask(EVENTS)
    found = (await world.ask(world.admin, EVENTS, first=1))["auditEvents"]
    cursor, decision = found["pageInfo"]["endCursor"], found["edges"][0]["node"]["decisionId"]
    moment = found["edges"][0]["node"]["at"]
    for wanted in (
        {"actorId": world.alice_id},
        {"kind": "test"},
        {"resourceId": world.alice_id},
        {"decisionId": decision},
        {"from": moment, "until": moment, "effect": "DENY"},
    ):
        await world.ask(world.admin, EVENTS, first=1, filter=wanted)
        await world.ask(world.admin, EVENTS, first=1, after=cursor, filter=wanted)
    await world.served.services.audit.find_decision(decision)
    blocks = Blocks(world.served.services.database.db)
    end = await blocks.search_end()
    assert await blocks.append(end, [[{"decision": decision}]], Sealer(SECRET), frozenset({decision})) == end
    assert [block async for block in blocks.walk(0, end.number)]
    await cut(blocks, Sealer(SECRET), world.served.services.audit, timedelta(0))


async def erased(world: World) -> None:
    """Somebody who wrote in his own conversation and in another."""
    services, user = world.served.services, world.served.people["guest"]
    await world.tree.append(world.stored, Address(MAIN, 0), replace(SAYS, author_id=user.id))
    await start(await world.served.as_("guest"), title="own")
    office = Administration(services.changes, services.authentication.accounts.credentials, services.audit.write)
    eraser = Eraser(services.database.db, world.tree, office, grace=timedelta(0))
    await eraser.erase(user.id, SYSTEM)
    await eraser.resume()
    await world.tree.delete(world.stored, Address(MAIN, 0), None)
