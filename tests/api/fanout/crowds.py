"""Followers of a conversation: some share what they are told, and beside each is one who is told it alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, cast

import orjson

from api.documents.limits import DEFAULT_LIMITS
from api.fanout import Member, Question, Questions, Renderer, Rooms
from api.schema import build_schema
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.chat.events import ConversationEvent, channel
from resolvers.context import Context
from resolvers.ids import object_id
from tests.resolvers.admin.test_audit import context
from tests.served import Served

PATIENCE_SECONDS: Final = 60


class Reader:
    """Takes what comes, unless it is stuck."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.done = False
        self._free = asyncio.Event()
        self._free.set()
        self.changed = asyncio.Condition()
        self.leave: Callable[[], None] = lambda: None
        """Called when nothing follows."""

    def write(self, body: bytes) -> bool:
        if self._free.is_set():
            self.bodies.append(body)
        return self._free.is_set()

    def end(self, body: bytes) -> bool:
        self.done = self.write(body)
        if self.done:
            self.leave()
        return self.done

    def withhold(self) -> None:
        """All was read at once."""

    async def ready(self) -> None:
        await self._free.wait()

    async def complete(self) -> None:
        self.done = True

    def stick(self) -> None:
        """Read nothing any more."""
        self._free.clear()

    def go_on(self) -> None:
        """Read."""
        self._free.set()

    @property
    def told(self) -> list[Any]:
        """What came, parsed."""
        return [comparable(orjson.loads(body)) for body in self.bodies]


class Counted(Renderer):
    """Counts what it renders."""

    rendered = 0

    async def render(
        self, context: Context, question: Question, event: ConversationEvent, fellows: Iterable[Context] = ()
    ) -> bytes:
        self.rendered += 1
        return await super().render(context, question, event, fellows)


class Crowd:
    """Of one server."""

    def __init__(self, served: Served, capacity: int = 256) -> None:
        self.served = served
        self.schema = build_schema()
        self.renderer = Counted(self.schema)
        self.rooms = Rooms(self.renderer, capacity)
        self.questions = Questions(self.schema, self.schema.documents, DEFAULT_LIMITS)
        self._alone = AsyncExitStack()
        self._members: list[Member] = []

    async def context(self, name: str) -> Context:
        """A socket's operation's."""
        access = await self.served.services.permissions.access(Principal(self.served.people[name].id, new_id()))
        return replace(context(self.served, name, access), socket=True, cutoff=Cutoff())

    async def enter(self, name: str, query: str, **variables: Any) -> tuple[Member, Reader]:
        """One who shares."""
        await self.schema.judge(query, None)
        asked, reader = self.questions.asked(query, None, variables), Reader()
        assert asked is not None
        member = await self.rooms.enter(asked, await self.context(name), reader)
        self._members.append(member)
        return member, reader

    async def alone(self, name: str, query: str, **variables: Any) -> Reader:
        """One who doesn't."""
        stream = cast(Any, await self.schema.subscribe(query, variables, context_value=await self.context(name)))
        reader = Reader()

        async def read() -> None:
            async for result in stream:
                errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
                reader.write(orjson.dumps({"data": result.data, **errors}))
            await reader.complete()

        task = asyncio.create_task(read())

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._alone.push_async_callback(stop)
        return reader

    async def say(self, conversation: str) -> str:
        """Something that everybody hears who may; its cursor."""
        name = channel(object_id(conversation, "Conversation"))
        return await self.served.services.broker.publish(name, b"{}")

    async def heard(self, conversation: str, *readers: Reader) -> str:
        """Return when all of them have heard the same, but those who are told nothing any more; its cursor."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                cursor = await self.say(conversation)
                for _ in range(20):
                    if all(reader.done or cursor in cursors(reader)[-3:] for reader in readers):
                        return cursor
                    await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Nobody follows any more."""
        for member in self._members:
            member.leave()
        await self._alone.aclose()


@asynccontextmanager
async def crowd_of(served: Served, capacity: int = 256) -> AsyncIterator[Crowd]:
    """Nobody, to begin with."""
    crowd = Crowd(served, capacity)
    try:
        yield crowd
    finally:
        await crowd.close()


def cursors(reader: Reader) -> list[str]:
    """Of what came."""
    events = [body["data"] and next(iter(body["data"].values())) for body in reader.told]
    return [event["cursor"] for event in events if event]


def since(reader: Reader, cursor: str) -> list[Any]:
    """What came after that."""
    at = cursors(reader).index(cursor)
    return reader.told[at + 1 :]


def comparable(value: Any) -> Any:
    """Without the names of decisions: each has its own."""
    if isinstance(value, dict):
        return {key: None if key == "decisionId" else comparable(item) for key, item in value.items()}
    return [comparable(each) for each in value] if isinstance(value, list) else value
