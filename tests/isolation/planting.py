"""Planting: what each tenant has, by the ways by which people make it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from models.clock import now
from models.role import Grant, Role, RoleAssignment
from models.user import User, email_key, name_key
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from permissions.changes import SYSTEM
from permissions.engine.facts import Resource
from permissions.resources import session_resource
from resolvers.ids import encode, message_address, object_id
from tests.api.attachments.conftest import Sender
from tests.isolation.canaries import Rule
from tests.isolation.tenants import Place, World
from tests.resolvers.chat.test_sharing import stored
from tests.served import Caller

WHOLE: Final = "sara"
"""Whose conversation is neither shared, nor is anything of it removed."""
TENANTS: Final = {"EMEA": ("alice", "sara"), "US-West": ("bob",)}
CLERK: Final = "carl"
NEARBY: Final = "resource.region == user.region"
CLERKS: Final = {
    **dict.fromkeys(("user:list", "user:read", "permission:read", "conversation:read"), NEARBY),
    "role:read": 'resource.id == "analyst"',
    "policy:read": 'resource.id == "own_account"',
    "audit:read": 'resource.kind == "login.failed" || resource.kind == "signing_key.rotated"',
    "signing_key:rotate": "user.clearance > 0",
}
"""Few rights, of one tenant, and each with a condition: so each thing is decided on by itself."""
DO: Final = "mutation ($input: %s!) { %s(input: $input) { __typename %s } }"
MESSAGE: Final = "message { id attachments { id } answer { number } }"


async def plant(world: World) -> None:
    """All of it."""
    await _people(world)
    for number, (region, owner) in enumerate((region, owner) for region, some in TENANTS.items() for owner in some):
        await Chat(world, owner, owner, region, 1 + number % 3, whole=owner == WHOLE).grow()
    await _shared(world)
    await _deleted(world)
    await _rules(world)
    await world.refresh()
    while await world.served.indexer.take():
        pass
    await _events(world)


async def do(caller: Caller, mutation: str, told: str = "", kind: str = "", **input: Any) -> Any:
    """A mutation, which must succeed."""
    type_ = f"{kind or mutation[0].upper() + mutation[1:]}Input"
    return (await caller.ask(DO % (type_, mutation, told), input=input)).data[mutation]


def known_branch(world: World, chat: str, message: str = "fork") -> str:
    """The id of the branch on which that message was written."""
    conversation_id, address = message_address(world.known[chat][message])
    return encode("Branch", conversation_id, address.branch)


async def _people(world: World) -> None:
    """Each with a name, an address, attributes, a device and a reason for his role of his own."""
    clerk = Role(id="clerk", grants=[Grant(action=each, condition=when) for each, when in CLERKS.items()])
    await world.served.services.changes.put([clerk], SYSTEM, "planted")
    for name, role in ((CLERK, "clerk"), ("dora", "guest")):
        await _account(world, name, role)
    world.people = dict(world.served.people)
    for name, user in world.people.items():
        await _person(world, name, user)


async def _account(world: World, name: str, role: str) -> None:
    user = User(
        email=name,
        email_key=name,
        display_name=name,
        name_key=name,
        password_hash="",
        attributes={"region": "US-West", "department": "Sales", "clearance": 1},
        created_at=now(),
    )
    await user.insert()
    await RoleAssignment(user_id=user.id, role=role, granted_at=now()).insert()
    world.served.people[name] = user


async def _person(world: World, name: str, user: User) -> None:
    word, canaries = world.canaries.word, world.canaries
    canaries.id(user.id, f"id of {name}", world.knows(name))
    shown = word(f"name of {name}", world.knows(name))
    email = f"{word(f'address of {name}', world.of_user(name, 'user:read_email'))}@demo.example"
    note = word(f"attribute of {name}", lambda judge: world.of_user(name, "user:read")(judge) or world.logs(judge))
    await user.set(
        {
            "display_name": shown,
            "name_key": name_key(shown),
            "email": email,
            "email_key": email_key(email),
            "attributes": {**user.attributes, "note": note},
        }
    )
    await _session(world, name, user)
    world.ids.setdefault("User", []).append(encode("User", user.id))
    for each in await RoleAssignment.find({"user_id": user.id}).to_list():
        reason = word(f"reason of {name}'s role", world.of_assignment(name, each.role))
        await each.set({"reason": reason, "granted_by": user.id})
        world.ids.setdefault("RoleAssignment", []).append(encode("RoleAssignment", each.id))


async def _session(world: World, name: str, user: User) -> None:
    principal, accounts = Principal(user.id, new_id()), world.served.services.authentication.accounts

    def rule(judge: Any) -> bool:
        return judge.may("session:read", session_resource("", user.id)) or world.logs(judge)

    device = world.canaries.word(f"device of {name}", rule)
    world.canaries.id(principal.session_id, f"session of {name}", rule)
    refresh = digest(accounts.refresh_tokens.issue(principal))
    await accounts.sessions.open(principal, refresh, device, Client(ip="203.0.113.7"))
    world.ids.setdefault("Session", []).append(encode("Session", user.id, principal.session_id))


@dataclass
class Chat:
    """A conversation with what one can have: a fork, an edited message, a file, an answer asked for, a tombstone."""

    world: World
    owner: str
    name: str
    region: str
    clearance: int
    whole: bool = False
    """Whether nothing is removed of it: of such a one, pages are kept."""

    async def grow(self) -> None:
        world, caller = self.world, await self.world.served.as_(self.owner)
        reads = world.lists_deleted(self.name)
        begun = await do(
            caller,
            "startConversation",
            "conversation { id }",
            title=world.canaries.word(f"title of {self.name}", reads),
            tags=[world.canaries.word(f"tag of {self.name}", world.reads(self.name))],
            attributes={
                "region": self.region,
                "department": "Sales",
                "clearance_required": self.clearance,
                "note": world.canaries.word(f"attribute of {self.name}", world.reads(self.name)),
            },
        )
        self.id = begun["conversation"]["id"]
        world.chats[self.name] = await stored(self.id)
        world.ids.setdefault("Conversation", []).append(self.id)
        world.canaries.id(object_id(self.id, "Conversation"), f"id of {self.name}", world.tells_of_chat(self.name))
        sender = Sender(caller, self.id)
        for number in range(3):
            await self.write(sender, f"m{number}", file=number == 1)
        await self.write(sender, "fork", after="m0")
        await self.write(sender, "end", after="fork")
        await self.write(sender, "edited", edits="m2")
        await self.write(sender, "tomb", after="m1")
        await self.write(sender, "gone", after="m0")
        await do(caller, "deleteMessage", messageId=self.ids["tomb"])
        world.places[self.of("tomb")].tombstone = True
        if not self.whole:
            await do(caller, "deleteMessage", messageId=self.ids["gone"], mode="SUBTREE")
            world.places[self.of("gone")].removed = True
        await do(caller, "requestAnswer", messageId=self.ids["end"])

    @property
    def ids(self) -> dict[str, str]:
        return self.world.known.setdefault(self.name, {})

    def of(self, name: str) -> str:
        return f"{self.name} {name}"

    async def write(
        self, sender: Sender, name: str, *, after: str | None = None, edits: str | None = None, file: bool = False
    ) -> None:
        place, world = self.of(name), self.world
        says = world.canaries.word(f"words of {place}", world.reads_message(place))
        if edits:
            answer = await do(
                sender.caller, "editMessage", MESSAGE, messageId=self.ids[edits], content=f"common {says}"
            )
            before = world.places[self.of(edits)].before
        else:
            more: dict[str, Any] = {"parentId": self.ids[after]} if after else {}
            if file:
                more["attachmentIds"] = [await self.upload(sender, place)]
            metadata = world.reads_message(place, "message:read_metadata")
            told = {
                "llmModel": world.canaries.word(f"model of {place}", metadata),
                "tokensUsed": 7,
                "latencyMs": 9,
                "extra": {"note": world.canaries.word(f"metadata of {place}", metadata)},
            }
            asked = {"conversationId": self.id, "content": f"common {says}", "metadata": told, **more}
            answer = await do(sender.caller, "appendMessage", MESSAGE, **asked)
            before = self.of(after) if after else world.branches.get("main of " + self.name)
        id_ = answer["message"]["id"]
        _, address = message_address(id_)
        self.ids[name] = id_
        world.places[place] = Place(self.name, address, self.owner, before)
        branch = address.branch
        if branch == "main":
            world.branches["main of " + self.name] = place
        elif branch not in world.branches:
            world.canaries.id(branch, f"branch of {place}", world.sees_branch(branch))
            world.ids.setdefault("Branch", []).append(encode("Branch", object_id(self.id, "Conversation"), branch))
        world.branches[branch if branch != "main" else f"main of {self.name}"] = place
        world.canaries.id(f"{object_id(self.id, 'Conversation')}:{address}", f"id of {place}", world.tells_of(place))
        world.ids.setdefault("Message", []).append(id_)
        for each in answer["message"]["attachments"]:
            world.canaries.id(object_id(each["id"], "Attachment"), f"file of {place}", world.reads_message(place))
            world.ids.setdefault("Attachment", []).append(each["id"])
            world.files.append((each["id"], place))

    async def upload(self, sender: Sender, place: str) -> str:
        name = self.world.canaries.word(f"file name of {place}", self.world.reads_message(place))
        inside = self.world.canaries.word(f"content of the file of {place}", self.world.reads_message(place))
        return await sender.uploaded(inside.encode(), f"{name}.txt")


async def _shared(world: World) -> None:
    """Across the tenants: a branch, a whole conversation, and what a role has."""
    alice, bob = await world.served.as_("alice"), await world.served.as_("bob")
    bob_id, guest_id = (encode("User", world.people[each].id) for each in ("bob", "guest"))
    alices, bobs = world.chat_id("alice"), world.chat_id("bob")
    branch = {"branchId": known_branch(world, "alice"), "access": "WRITE"}
    await do(alice, "shareConversation", conversationId=alices, userId=bob_id, **branch)
    await do(bob, "shareConversation", conversationId=bobs, userId=guest_id)
    await do(bob, "shareConversation", conversationId=bobs, role="analyst", branchId=known_branch(world, "bob"))


async def _deleted(world: World) -> None:
    for owner, region in (("alice", "EMEA"), ("bob", "US-West")):
        name = f"{owner} deleted"
        await Chat(world, owner, name, region, 1).grow()
        await do(await world.served.as_(owner), "deleteConversation", conversationId=world.chat_id(name))


async def _rules(world: World) -> None:
    """By an administrator, so that the log has them too."""
    root, word = await world.served.as_("root"), world.canaries.word
    role, policy = "planted_role", "planted_policy"
    of_role, of_policy = world.of_role(role), world.of_policy(policy)
    world.names += [role, policy]
    await do(
        root,
        "createRole",
        kind="Role",
        name=role,
        description=word("a role's description", lambda judge: of_role(judge) or world.logs(judge)),
        inherits=["guest"],
        grants=[
            {"action": "sales_data:read", "condition": f'resource.region == "{word("a grant", world.of_grant(role))}"'}
        ],
    )
    await do(root, "assignRole", userId=encode("User", world.people["john"].id), role=role)
    world.holders.append("john")
    world.given["root"] = ["john"]
    case = {
        "name": word("a policy's test", of_policy),
        "subjectId": word("who asks in a policy's test", of_policy),
        "attributes": {"note": word("an attribute in a policy's test", of_policy)},
        "action": "sales_data:read",
        "resourceAttributes": {"region": word("a resource in a policy's test", of_policy)},
        "environment": {"note": word("circumstances in a policy's test", of_policy)},
        "effect": "DENY",
    }
    await do(
        root,
        "putPolicy",
        kind="Policy",
        name=policy,
        effect="ALLOW",
        mode="SHADOW",
        actions=["sales_data:read"],
        when='resource.region == "nowhere"',
        description=word("a policy's description", of_policy),
        tests=[case],
    )
    attribute = word("a declared attribute", world.of_policy("planted_type"))
    await do(
        root,
        "putResourceType",
        kind="ResourceType",
        name="planted_type",
        actions=["read"],
        levels=[{"name": "all", "actions": ["read"]}],
        attributes=[{"name": attribute, "type": "string"}],
        context=[{"name": "place", "type": "string"}],
    )
    reads = _may("operation:read", world)
    asked = f"query {word('a trusted operation', reads)} {{ me {{ id }} }}"
    manifest = json.dumps({hashlib.sha256(asked.encode()).hexdigest(): asked})
    await do(root, "registerOperations", manifest=manifest, client=word("whose trusted operation it is", reads))
    await do(
        root,
        "revokeTokens",
        reason=word("a revocation's reason", _may("token:revoke", world)),
        device=word("a revoked device", _may("token:revoke", world)),
        userId=encode("User", world.people["sara"].id),
    )


def _may(action: str, world: World) -> Rule:
    return lambda judge: judge.may(action, Resource(action.partition(":")[0])) or world.logs(judge)


async def _events(world: World) -> None:
    """Decisions, and failures to sign in, for the log."""
    john = await world.served.as_("john")
    await john.ask("query ($id: ID!) { conversation(id: $id) { id } }", id=world.chat_id("alice"))
    await world.served.nobody.ask(
        "mutation ($input: LoginInput!) { login(input: $input) { expiresIn } }",
        input={"email": world.people["alice"].email, "password": "not hers"},
    )
    world.failed.append("alice")
    root = await world.served.as_("root")
    await do(root, "eraseUser", userId=encode("User", world.people["dora"].id))
