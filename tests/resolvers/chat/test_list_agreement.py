"""What lists are told, against what they list: who keeps his list by its events has the one that he would be given."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from models.policy import Policy, PolicyMode
from models.role import GrantEffect
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM
from resolvers.chat.list_standing import ListStanding
from resolvers.ids import encode, object_id
from resolvers.live.broker import Position
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import APPEND, LIST, nodes, start
from tests.resolvers.chat.test_list_events import CLOSE, REOPEN, SHARE, UPDATE, WATCH
from tests.served import Caller, Served, schema

VIEWERS: Final = ("guest", "sara", "admin")
REGIONS: Final = ("EMEA", "US-West", "APAC")
STEPS: Final = 20


@dataclass
class Viewer:
    """Somebody who keeps his list by its events."""

    name: str
    caller: Caller
    events: AsyncIterator[Any]
    channels: list[str]
    has: set[str]

    async def catch_up(self, served: Served) -> None:
        """Take all that was told; his channels have no order among them, so that is all when it is all of each."""
        broker = served.services.broker
        ends = [Position.of(await broker.publish(channel, b"?")) for channel in self.channels]
        while True:
            event = (await anext(self.events)).data["conversationListEvents"]
            match event["__typename"]:
                case "ConversationAppeared":
                    self.has.add(event["conversation"]["id"])
                case "ConversationVanished":
                    assert event["conversationId"] in self.has, "what was never there is none of his business"
                    self.has.discard(event["conversationId"])
                case "ConversationUpdated":
                    assert event["conversation"]["id"] in self.has, self.name
            read = [Position.of(each) for each in event["cursor"].split(".")[1:]]
            if all(at >= end for at, end in zip(read, ends, strict=True)):
                return

    async def listed(self) -> set[str]:
        return {each["id"] for each in nodes((await self.caller.ask(LIST, first=100)).data["conversations"])}


@asynccontextmanager
async def viewing(served: Served, name: str) -> AsyncIterator[Viewer]:
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    on_socket = replace(context(served, name, access), socket=True, cutoff=Cutoff())
    standing = ListStanding(on_socket, served.people[name].id)
    stream = cast(Any, await schema().subscribe(WATCH, {"after": None}, context_value=on_socket))
    async with aclosing(stream):
        first = asyncio.ensure_future(anext(stream))
        broker = served.services.broker
        while not first.done():  # until it listens on all of them
            if set(standing.channels) <= set(broker.listened()):
                await broker.publish(standing.channels[-1], b"?")
            await asyncio.wait({first}, timeout=0.05)
        yield Viewer(name, await served.as_(name), stream, standing.channels, set())


async def step(served: Served, chance: random.Random, owners: list[Caller], known: dict[str, Caller]) -> None:
    """Something that may change what somebody sees."""
    if len(known) < 4 or chance.random() < 0.2:
        owner = chance.choice(owners)
        attributes = {"region": chance.choice(REGIONS), "clearance_required": chance.randint(1, 4)}
        known[await start(owner, attributes=attributes)] = owner
        return
    id_, owner = chance.choice(list(known.items()))
    match chance.randrange(7):
        case 0:
            attributes = {"region": chance.choice(REGIONS), "clearance_required": chance.randint(1, 4)}
            await owner.ask(UPDATE, input={"conversationId": id_, "attributes": attributes})
        case 1 | 2:
            whom = {"userId": encode("User", served.people[chance.choice(VIEWERS)].id)}
            given = chance.choice(["READ", "WRITE", "NONE"])
            part = (
                {"branchId": encode("Branch", object_id(id_, "Conversation"), "main")} if chance.random() < 0.5 else {}
            )
            await owner.ask(SHARE, input={"conversationId": id_, "access": given, **whom, **part})
        case 3:
            role = chance.choice(["guest", "analyst"])
            await owner.ask(
                SHARE, input={"conversationId": id_, "access": chance.choice(["READ", "NONE"]), "role": role}
            )
        case 4:
            await owner.ask(chance.choice([CLOSE, REOPEN]), id=id_)
        case 5:
            await owner.ask(UPDATE, input={"conversationId": id_, "archived": chance.random() < 0.5, "title": "t"})
        case _:
            await owner.ask(APPEND, input={"conversationId": id_, "content": "more"})


async def test_who_keeps_his_list_by_its_events_has_the_list(served: Served) -> None:
    chance = random.Random(7)
    closed = Policy(id="closed", effect=GrantEffect.DENY, actions=["conversation:read"], mode=PolicyMode.ENFORCE)
    closed.when = 'resource.region == "APAC" && user.clearance < 3'
    await served.services.changes.put_policy(closed, SYSTEM)
    owners = [await served.as_(name) for name in ("alice", "bob", "root")]
    known: dict[str, Caller] = {}
    async with AsyncExitStack() as stack, asyncio.timeout(100):
        viewers = [await stack.enter_async_context(viewing(served, name)) for name in VIEWERS]
        changes = 0
        for number in range(STEPS):
            await step(served, chance, owners, known)
            await served.services.broker.pacer.flush()
            for viewer in viewers:
                before = set(viewer.has)
                await viewer.catch_up(served)
                assert viewer.has == await viewer.listed(), (viewer.name, number)
                changes += len(before ^ viewer.has)
        assert changes > STEPS / 3
