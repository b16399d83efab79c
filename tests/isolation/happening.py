"""What happens in both tenants while everybody listens: who must be told of which words, and who must not."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final

from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from permissions.resources import conversation_resource, message_resource, session_resource
from resolvers.ids import encode, message_address
from tests.api.attachments.conftest import Sender
from tests.isolation.canaries import Judge, Rule, opened
from tests.isolation.following import CHATS, NOWHERE, TOGETHER, Follower, Stream
from tests.isolation.planting import Chat, do
from tests.isolation.tenants import Place, World
from tests.resolvers.chat.test_sharing import stored
from tests.served import Caller

REGIONS: Final = {"alice": "EMEA", "bob": "US-West", "sara": "EMEA"}
AGAIN: Final = 2.0
"""Seconds in which who has begun to listen listens, mostly."""


@dataclass
class Happenings:
    """`words`: what was said or done, by the field that tells of it, the conversation or the account, and its rule."""

    world: World
    words: list[tuple[str, str | None, str, Rule]] = field(default_factory=list)
    tips: dict[tuple[str, str], str] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)

    async def first(self) -> None:
        """Both tenants write, rename, sign out and begin; an administrator changes a rule."""
        for chat in CHATS:
            await self._written(chat)
            await self._renamed(chat)
            await self._signed_out(chat)
        await self._streamed("alice")
        await self._begun("alice", "bob")
        await self._rule("first")

    async def second(self) -> None:
        """She shares with somebody of the other tenant, who was told nothing so far; then the same again."""
        john = encode("User", self.world.people["john"].id)
        await do(await self._as("alice"), "shareConversation", conversationId=self.world.chat_id("alice"), userId=john)
        await self.world.refresh()
        await self._written("alice")
        await self._renamed("alice")
        await self._rule("second")

    # What happens.

    async def _written(self, chat: str) -> None:
        """At the end of the whole, which not everybody sees, and on the branch that was shared."""
        for end in ("m2", "end"):
            word, place = await self._wrote(chat, end)
            self._note("conversationEvents", chat, word, self.world.reads_message(place))

    async def _wrote(self, chat: str, end: str) -> tuple[str, str]:
        """At the end of the branch that ended there when it was planted: the word, and its place."""
        world, name = self.world, f"{end} {token_hex(4)}"
        grown = Chat(world, chat, chat, REGIONS[chat], 1)
        grown.id = world.chat_id(chat)
        await grown.write(Sender(await self._as(chat), grown.id), name, after=self.tips.get((chat, end), end))
        self.tips[chat, end] = name
        return world.canaries.word_of(f"words of {grown.of(name)}"), grown.of(name)

    async def _renamed(self, chat: str) -> None:
        rule = self.world.reads(chat)
        await self._title(chat, self._said("conversationListEvents", None, f"new title of {chat}", rule))

    async def _signed_out(self, who: str) -> None:
        world, owner = self.world, self.world.people[who].id
        session = await self._session(who)

        def rule(judge: Judge) -> bool:
            return judge.may("session:read", session_resource("", owner)) or world.logs(judge)

        world.canaries.id(opened(session).rpartition(":")[2], f"a new session of {who}", rule)
        await do(await self._as(who), "endSession", sessionId=session)
        self._note("sessionEvents", None, session, lambda judge: judge.subject.id == owner)
        self._note("permissionEvents", None, opened(session).rpartition(":")[2], world.logs)

    async def _streamed(self, chat: str) -> None:
        """A text as it is typed."""
        world, caller, id_ = self.world, await self._as(chat), self.world.chat_id(chat)
        told = "message { id }"
        begun = await do(caller, "beginMessage", told, conversationId=id_, parentId=world.known[chat]["m1"])
        place, before = f"{chat} typed", f"{chat} m1"
        world.places[place] = Place(chat, message_address(begun["message"]["id"])[1], chat, before)
        word = self._said("conversationEvents", chat, "a text as it is typed", world.reads_message(place))
        await do(caller, "streamMessage", messageId=begun["message"]["id"], offset=0, text=word)
        await do(caller, "finishMessage", messageId=begun["message"]["id"], offset=len(word))

    async def _begun(self, *owners: str) -> None:
        """Another conversation."""
        world = self.world
        for owner in owners:
            name = f"{owner} live"
            attributes = {"region": REGIONS[owner], "department": "Sales", "clearance_required": 1}
            word = world.canaries.word(f"title of {name}", world.lists_deleted(name))
            begun = await do(
                await self._as(owner), "startConversation", "conversation { id }", title=word, attributes=attributes
            )
            id_ = begun["conversation"]["id"]
            world.chats[name] = await stored(id_)
            world.canaries.id(str(world.chats[name].id), f"id of {name}", world.lists_deleted(name))
            self._note("conversationListEvents", None, id_, world.reads(name))

    async def _rule(self, name: str) -> None:
        world = self.world
        word = self._said("permissionEvents", None, f"a description, {name}", world.logs)
        held = world.of_role("planted_role")
        world.canaries.id(word, f"a description, {name}", lambda judge: held(judge) or world.logs(judge))
        await do(await self._as("root"), "updateRole", kind="Role", name="planted_role", description=word)

    # What is waited for.

    async def settle(self, followers: list[Follower], changed: asyncio.Event, again: float = TOGETHER) -> None:
        """Return when each stream that is open has been told of something that happened after this was called.

        `again`: after so many seconds it happens once more, as what happens before somebody listens is not told.
        """
        marks, ends = dict[str, list[str]](), asyncio.get_running_loop().time() + TOGETHER
        while waiting := [(each, s) for each in followers for s in each.open if not self._told(each, s, marks)]:
            assert asyncio.get_running_loop().time() < ends, [(each.one.name, s.name, s.chat) for each, s in waiting]
            for key in dict.fromkeys(key for each, s in waiting for key in self._keys(each, s)):
                marks.setdefault(key, []).append(await self._mark(key))
            with suppress(TimeoutError):
                async with asyncio.timeout(again):
                    while any(not s.over and not self._told(each, s, marks) for each, s in waiting):
                        changed.clear()
                        await changed.wait()

    def _told(self, follower: Follower, stream: Stream, marks: dict[str, list[str]]) -> bool:
        """Of one mark of each kind that he may be told of; else that he may follow nothing there."""
        said = stream.said
        if not opens(self.world, follower.one.judge, stream):
            return stream.over
        return all(any(mark in said for mark in marks.get(key, ())) for key in self._keys(follower, stream))

    def _keys(self, follower: Follower, stream: Stream) -> Iterator[str]:
        """Marks that he must be told of, on each of the ways by which something comes to him."""
        match stream.name:
            case _ if not opens(self.world, follower.one.judge, stream):
                return
            case "conversationEvents":
                yield f"message {stream.chat}"
            case "conversationListEvents":
                judge = follower.one.judge
                yield from (f"title {chat}" for chat in CHATS if self.world.reads(chat)(judge))
            case "sessionEvents":
                yield f"session {follower.one.name}"
            case "permissionEvents":
                yield "key"
            case _:
                message = f"say what tells a listener of `{stream.name}` that nothing is on its way"
                raise AssertionError(message)

    async def _mark(self, key: str) -> str:
        kind, _, about = key.partition(" ")
        mark = f"mark{token_hex(8)}"
        match kind:
            case "message":
                mark, _ = await self._wrote(about, "end")
            case "title":
                await self._title(about, mark)
            case "session":
                mark = await self._session(about)
                await do(await self._as(about), "endSession", sessionId=mark)
            case _:
                made = await (await self._as("carl")).ask("mutation { rotateSigningKey { keyId } }")
                mark = made.data["rotateSigningKey"]["keyId"]
        return mark

    # Whatever else.

    def wrong(self, follower: Follower) -> Iterator[str]:
        """What should have been told and was not, or the other way round."""
        for name, chat, word, rule in self.words:
            for stream in follower.streams:
                told, should = word in stream.said, stream.name == name and stream.chat == chat
                if should and not stream.error and told != rule(follower.one.judge):
                    place = self.world.canaries.places.get(word, word)
                    yield f"{follower.one.name} {name} {chat}: {place} {'is' if told else 'is not'} told"

    def _note(self, name: str, chat: str | None, word: str, rule: Rule) -> None:
        self.words.append((name, chat, word, rule))

    def _said(self, name: str, chat: str | None, place: str, rule: Rule) -> str:
        word = self.world.canaries.word(place, rule)
        self._note(name, chat, word, rule)
        return word

    async def _title(self, chat: str, title: str) -> None:
        await do(await self._as(chat), "updateConversation", conversationId=self.world.chat_id(chat), title=title)

    async def _session(self, who: str) -> str:
        accounts = self.world.served.services.authentication.accounts
        principal = Principal(self.world.people[who].id, new_id())
        refresh = digest(accounts.refresh_tokens.issue(principal))
        await accounts.sessions.open(principal, refresh, "another", Client())
        return encode("Session", principal.user_id, principal.session_id)

    async def _as(self, who: str) -> Caller:
        if who not in self.callers:
            self.callers[who] = await self.world.served.as_(who)
        return self.callers[who]


def opens(world: World, judge: Judge, stream: Stream) -> bool:
    """Whether the engine lets somebody follow that at all."""
    if stream.name == "permissionEvents":
        return bool(judge.snapshot.foresee(judge.subject, "audit:read", "audit", judge.env))
    if stream.chat is None:
        return True
    if stream.chat == NOWHERE:
        return False
    about = world.chats[stream.chat]
    return judge.may("conversation:read", conversation_resource(about)) and judge.may(
        "message:read", message_resource(about)
    )
