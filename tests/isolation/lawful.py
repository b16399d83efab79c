"""Each mutation once by somebody who may, in an order in which all of them succeed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from resolvers.ids import encode
from tests.isolation.canaries import opened
from tests.isolation.planting import known_branch
from tests.isolation.tenants import World

ASKED: Final = "query Fresh { me { id } }"
PASSWORD: Final = "correct horse battery staple 9"
POLICY: Final = {"name": "fresh_policy"}
FRESH: Final = "fresh"
"""Whom `createUser` makes."""


@dataclass
class Done:
    """What was answered before, by the mutation."""

    world: World
    told: dict[str, Any] = field(default_factory=dict)

    def id(self, mutation: str, type_: str) -> Any:
        """The id of the thing of that type that it gave first."""
        things = [each for each in self.told[mutation].values() if isinstance(each, dict)]
        return next(each[f"{type_}_id"] for each in things if each["__typename"] == type_)

    def message(self, mutation: str) -> Any:
        return self.id(mutation, "Message")

    def user(self, name: str) -> str:
        return encode("User", self.world.people[name].id)


Arguments = Mapping[str, Any]
Act = tuple[str, str, Callable[[Done], Arguments]]
"""Who, what, and with which arguments; what isn't an `input` has its own names."""


def acts(world: World) -> list[Act]:
    """In the other tenant's conversation first, then in one's own, then what administrators do."""
    return [*shared(world), *own(world), *rules(), *accounts(), *sessions()]


def shared(world: World) -> list[Act]:
    """By somebody who sees one branch of it and may write there."""
    alice = world.chat_id("alice")
    return [
        (
            "bob",
            "appendMessage",
            lambda _: _in(conversationId=alice, parentId=world.known["alice"]["end"], content="x"),
        ),
        ("bob", "editMessage", lambda done: _in(messageId=done.message("appendMessage"), content="y")),
        ("bob", "requestAnswer", lambda done: _in(messageId=done.message("editMessage"))),
        ("bob", "cancelAnswer", lambda done: _in(messageId=done.message("editMessage"))),
        ("bob", "beginMessage", lambda done: _in(conversationId=alice, parentId=done.message("editMessage"))),
        ("bob", "streamMessage", lambda done: _in(messageId=done.message("beginMessage"), offset=0, text="z")),
        ("bob", "finishMessage", lambda done: _in(messageId=done.message("beginMessage"), offset=1)),
        ("bob", "forkConversation", lambda _: _in(branchId=known_branch(world, "alice"))),
    ]


def own(world: World) -> list[Act]:
    alice, gone = world.chat_id("alice"), world.chat_id("alice deleted")
    return [
        ("bob", "startConversation", lambda _: _in(title="fresh")),
        ("alice", "chooseBranch", lambda _: _in(branchId=known_branch(world, "alice"))),
        ("alice", "deleteMessage", lambda _: _in(messageId=world.known["alice"]["m2"], mode="SUBTREE")),
        ("alice", "restoreMessage", lambda _: _in(messageId=world.known["alice"]["m2"])),
        ("alice", "shareConversation", lambda done: _in(conversationId=alice, userId=done.user("john"))),
        ("alice", "updateConversation", lambda _: _in(conversationId=alice, archived=True)),
        ("alice", "deleteConversation", lambda _: _in(conversationId=alice)),
        ("alice", "restoreConversation", lambda _: _in(conversationId=gone)),
    ]


def rules() -> list[Act]:
    type_ = {"name": "fresh_type", "actions": ["read"], "levels": [{"name": "all", "actions": ["read"]}]}
    policy = {**POLICY, "effect": "ALLOW", "mode": "SHADOW", "actions": ["sales_data:read"]}
    manifest = json.dumps({_digest(ASKED): ASKED})
    return [
        ("root", "createRole", lambda _: _in(name="fresh_role", inherits=["planted_role"], grants=[])),
        ("root", "updateRole", lambda _: _in(name="fresh_role", description="fresh")),
        ("root", "assignRole", lambda done: _in(userId=done.user("john"), role="fresh_role")),
        (
            "root",
            "endRoleAssignment",
            lambda done: _in(assignmentId=done.id("assignRole", "RoleAssignment")),
        ),
        ("root", "deleteRole", lambda _: {"name": "fresh_role", "cascade": True}),
        ("root", "putPolicy", lambda _: _in(**policy)),
        ("root", "promotePolicy", lambda done: _in(**POLICY, digest=done.told["digest"])),
        ("root", "putResourceType", lambda _: _in(**type_)),
        ("root", "registerOperations", lambda _: _in(manifest=manifest)),
        ("root", "removeOperations", lambda _: _in(documentIds=[_digest(ASKED)])),
        ("root", "rotateSigningKey", lambda _: {}),
        ("root", "revokeTokens", lambda _: _in(device="fresh", reason="fresh", dryRun=True)),
    ]


def accounts() -> list[Act]:
    return [
        ("admin", "createUser", lambda _: _in(email="fresh@demo.example", displayName=FRESH)),
        ("admin", "setUserAttributes", lambda done: _in(userId=done.user(FRESH), attributes={"region": "EMEA"})),
        ("admin", "disableUser", lambda done: _in(userId=done.user(FRESH))),
        ("admin", "enableUser", lambda done: _in(userId=done.user(FRESH))),
        ("admin", "resetPassword", lambda done: _in(userId=done.user(FRESH))),
        ("root", "createServiceAccount", lambda _: _in(name="fresh-service")),
        ("root", "renewServiceSecret", lambda done: _in(userId=done.id("createServiceAccount", "User"))),
    ]


def sessions() -> list[Act]:
    """Of who was made just before."""
    return [
        (FRESH, "changePassword", lambda done: _in(currentPassword=_secret(done), newPassword=PASSWORD)),
        (FRESH, "login", lambda _: _in(email="fresh@demo.example", password=PASSWORD)),
        (FRESH, "refreshSession", lambda done: _in(refreshToken=done.told["login"]["AuthPayload_refreshToken"])),
        (FRESH, "endOtherSessions", lambda _: {}),
        (FRESH, "logout", lambda _: {}),
        ("bob", "endSession", lambda done: _in(sessionId=_session(done))),
        ("bob", "endAllSessions", lambda _: {}),
        ("root", "eraseUser", lambda done: _in(userId=done.user(FRESH))),
    ]


def _in(**input: Any) -> Arguments:
    return {"input": input}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _secret(done: Done) -> Any:
    return done.told["resetPassword"]["OneTimePasswordPayload_oneTimePassword"]


def _session(done: Done) -> str:
    """That with which bob was planted."""
    owner = str(done.world.people["bob"].id)
    ours = (each for each in done.world.ids["Session"] if owner in opened(each))
    return next(ours)
