"""Two tenants who share a server: what there is of them, and to whom the engine shows it."""

from dataclasses import dataclass, field, replace

from models.clock import now
from models.conversation import Conversation
from models.tree import Address
from models.user import User
from permissions.engine.facts import Env, Resource
from permissions.resources import (
    conversation_resource,
    message_resource,
    permission_resource,
    policy_resource,
    role_resource,
    user_resource,
)
from resolvers.ids import encode
from tests.isolation.canaries import Canaries, Judge, Rule
from tests.served import Served


@dataclass
class Place:
    """A message. `before` is the one that it answers; `gone`: it says nothing any more, or is not there at all."""

    chat: str
    address: Address
    author: str
    before: str | None
    tombstone: bool = False
    removed: bool = False


@dataclass
class World:
    """What was planted, and what the engine says of it."""

    served: Served
    canaries: Canaries = field(default_factory=Canaries)
    people: dict[str, User] = field(default_factory=dict)
    chats: dict[str, Conversation] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    """Where a branch's last message is, by its name."""
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Global ids, by type."""
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids of messages, by conversation and name."""
    files: list[tuple[str, str]] = field(default_factory=list)
    """Ids of attachments, and where they are."""
    holders: list[str] = field(default_factory=list)
    """Who has the role that was planted."""
    names: list[str] = field(default_factory=list)
    """Of rules."""
    given: dict[str, list[str]] = field(default_factory=dict)
    """To whom somebody gave a role: he is told by whom he has it."""
    failed: list[str] = field(default_factory=list)
    """To whose accounts somebody tried to sign in: the log tells of them."""
    cursors: dict[str, list[str]] = field(default_factory=dict)
    """As others were told them, by the list's root field and the type of its edges."""

    @property
    def words(self) -> list[str]:
        """Words that stand somewhere: to be searched for."""
        return [each for each in self.canaries.rules if each.startswith("zq")]

    def chat_id(self, name: str) -> str:
        """A conversation's global id."""
        return encode("Conversation", self.chats[name].id)

    async def judge(self, name: str) -> Judge:
        """As of now. Nobody's rights are those of an account that isn't there."""
        snapshot = await self.served.services.permissions.snapshot()
        subject = await self.served.services.permissions.subject(self.people[name].id)
        assert subject is not None
        return Judge(snapshot, subject, Env(now(), {"ip": "127.0.0.1"}))

    async def refresh(self) -> None:
        """Look again at what is stored."""
        self.people = {
            name: each
            for name, old in self.people.items()
            if (each := await User.find_one({"_id": old.id})) is not None
        }
        for name, old in self.chats.items():
            self.chats[name] = await Conversation.find_one({"_id": old.id}) or old

    # What the engine says of each kind of thing.

    def reads(self, chat: str) -> Rule:
        def rule(judge: Judge) -> bool:
            found = self.chats[chat]
            return not found.deleted and judge.may("conversation:read", conversation_resource(found))

        return rule

    def tells_of_chat(self, chat: str) -> Rule:
        """That it is there."""
        return lambda judge: self.logs(judge) or self.lists_deleted(chat)(judge)

    def lists_deleted(self, chat: str) -> Rule:
        """Title and figures of a deleted one are for those who may bring it back."""

        def rule(judge: Judge) -> bool:
            about, deleted = conversation_resource(self.chats[chat]), self.chats[chat].deleted
            return judge.may("conversation:read", about) and (not deleted or judge.may("conversation:delete", about))

        return rule

    def reads_message(self, place: str, action: str = "message:read", *, whole: bool = True) -> Rule:
        """`whole`: what it says, and not only that it is there."""

        def rule(judge: Judge) -> bool:
            found = self.places[place]
            if not whole and self.logs(judge):
                return True
            if found.removed or (whole and found.tombstone) or not self.reads(found.chat)(judge):
                return False
            about = self.about(place)
            return judge.may("message:read", about) and judge.may(action, about)

        return rule

    def about(self, place: str) -> Resource:
        """A message, with those shares only on whose path it lies."""
        chat = self.chats[self.places[place].chat]
        about = message_resource(chat)
        kept = [
            fact
            for fact, stored in zip(about.shares, chat.shares, strict=True)
            if stored.branch is None or any(place in self.path(each) for each in (stored.branch, *stored.forks))
        ]
        return replace(about, shares=tuple(kept))

    def path(self, branch: str) -> list[str]:
        found: list[str] = []
        at = self.branches.get(branch)
        while at is not None:
            found.append(at)
            at = self.places[at].before
        return found

    def sees_branch(self, branch: str) -> Rule:
        def rule(judge: Judge) -> bool:
            # Of who may read a conversation, and not its messages, its branches are not hidden.
            own = [name for name, each in self.places.items() if each.address.branch == branch]
            bare = [name for name in own if not self.places[name].removed and self.reads(self.places[name].chat)(judge)]
            return (
                self.logs(judge)
                or any(judge.may("conversation:read", replace(self.about(name), type="conversation")) for name in bare)
                or any(self.places[name].removed and self.removes(name)(judge) for name in own)
            )

        return rule

    def tells_of(self, place: str) -> Rule:
        """That a message is there. Where a subtree was is for those who may bring it back."""
        return lambda judge: (
            self.removes(place)(judge) if self.places[place].removed else self.reads_message(place, whole=False)(judge)
        )

    def removes(self, place: str) -> Rule:
        """Where a removed subtree was is for those who may bring it back."""

        def rule(judge: Judge) -> bool:
            chat = self.chats[self.places[place].chat]
            return self.reads(self.places[place].chat)(judge) and judge.may("message:delete", message_resource(chat))

        return rule

    def logs(self, judge: Judge) -> bool:
        """Who reads the log reads of all that was done."""
        return judge.may("audit:read", Resource("audit"))

    def knows(self, name: str) -> Rule:
        """His name: that of who may be seen, or of whoever wrote, or owns, what may be."""

        def rule(judge: Judge) -> bool:
            user = self.people[name]
            return (
                judge.subject.id == user.id
                or judge.may("user:read", user_resource(user))
                or judge.may("user:list", user_resource(user))
                or judge.may("permission:read", permission_resource(user))
                or judge.may("token:revoke", Resource("token"))
                or self.logs(judge)
                or (name in self.failed and judge.may("audit:read", Resource("audit", None, {"kind": "login.failed"})))
                or judge.subject.id in [self.people[each].id for each in self.given.get(name, ())]
                or any(
                    each.owner_id == user.id and self.lists_deleted(chat)(judge) for chat, each in self.chats.items()
                )
                or any(
                    each.author == name and self.reads_message(place, whole=False)(judge)
                    for place, each in self.places.items()
                )
                or any(self._shared_with(user, chat)(judge) for chat in self.chats)
            )

        return rule

    def _shared_with(self, user: User, chat: str) -> Rule:
        """Who may share a conversation sees with whom it is shared."""
        found = self.chats[chat]
        given = any(each.user_id == user.id for each in found.shares)
        return lambda judge: (
            given and self.reads(chat)(judge) and judge.may("conversation:share", conversation_resource(found))
        )

    def of_user(self, name: str, *actions: str) -> Rule:
        return lambda judge: any(judge.may(each, user_resource(self.people[name])) for each in actions)

    def of_assignment(self, name: str, role: str) -> Rule:
        """What is noted of somebody's role."""
        return lambda judge: (
            judge.subject.id == self.people[name].id
            or self.logs(judge)
            or (self.of_user(name, "user:read")(judge) and self.of_role(role)(judge))
        )

    def of_role(self, role: str) -> Rule:
        return lambda judge: judge.may("role:read", role_resource(role)) or judge.holds(role)

    def of_grant(self, role: str) -> Rule:
        """Of what somebody may do, the conditions are told to who may ask about him."""
        return lambda judge: (
            self.of_role(role)(judge)
            or any(judge.may("permission:read", permission_resource(self.people[each])) for each in self.holders)
        )

    def of_policy(self, policy: str) -> Rule:
        return lambda judge: judge.may("policy:read", policy_resource(policy))
