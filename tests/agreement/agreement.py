"""In one world: whether what is listed, who has access and what is delivered are what a check says."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from api.schema import Schema
from models.conversation import Conversation
from permissions.engine.facts import Env, Resource, Subject
from permissions.questions.holders import holders
from permissions.questions.question import Question
from permissions.resources import (
    audit_resource,
    conversation_resource,
    message_resource,
    permission_resource,
    user_resource,
)
from resolvers.ids import encode
from resolvers.live import Broker
from tests.agreement.answers import LISTS, SEARCH, WHO, Asker, Refused
from tests.agreement.rules import World
from tests.agreement.stock import Stock
from tests.served import Served

SIZES: Final = (3, 5, 100, 100)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The schema, the server, and what is stored. Each method raises `AssertionError` where two answers differ."""

    schema: Schema
    served: Served
    broker: Broker
    stock: Stock

    async def hold(self, world: World, seed: int, then: World) -> None:
        """All of it, for an asker and a conversation that `seed` chooses; then the rules are those of `then`."""
        chance = random.Random(seed)
        asker = self._asker(chance.choice(self.stock.people), world)
        about = chance.choice(self.stock.conversations)
        await self._conversations(asker, chance.choice(SIZES))
        await (self._users if seed % 2 else self._records)(asker, chance.choice(SIZES))
        await self._found(asker, chance.choice(SIZES), by_model=seed % 3 == 0)
        await self._holders(asker, about)
        if seed % 4 == 0:
            await self._shown_holders(asker, about, chance.choice(SIZES))
        await self._delivery(self._asker(chance.choice(self.stock.people), world), about, then)

    def _asker(self, subject: Subject, world: World) -> Asker:
        return Asker(self.schema, self.served, self.broker, subject, world)

    async def _conversations(self, asker: Asker, size: int) -> None:
        readable = [
            each
            for each in self.stock.conversations
            if _may(asker.world, asker.subject, "conversation:read", conversation_resource(each))
        ]
        assert await asker.ids(LISTS["conversations"], size) == _ids(readable, "Conversation")

    async def _found(self, asker: Asker, size: int, *, by_model: bool) -> None:
        """Every conversation's message says the same, so searching for that finds all that may be read."""
        actions = ("message:read", "message:read_metadata") if by_model else ("message:read",)
        places = [
            encode("Message", each.id, "main.0")
            for each in self.stock.conversations
            if _may(asker.world, asker.subject, "conversation:read", conversation_resource(each))
            and all(_may(asker.world, asker.subject, action, message_resource(each)) for action in actions)
        ]
        found = await asker.ids(SEARCH, size, filter={"llmModel": "m"} if by_model else None)
        assert not isinstance(found, Refused)
        assert sorted(found) == sorted(places)

    async def _users(self, asker: Asker, size: int) -> None:
        users = [
            each for each in self.stock.users if _may(asker.world, asker.subject, "user:list", user_resource(each))
        ]
        _same_unless_refused(await asker.ids(LISTS["users"], size), _ids(users, "User"))

    async def _records(self, asker: Asker, size: int) -> None:
        places = [
            encode("AuditEvent", *each.place)
            for each in self.stock.records
            if _may(asker.world, asker.subject, "audit:read", audit_resource(each.record))
        ]
        _same_unless_refused(await asker.ids(LISTS["auditEvents"], size), places)

    async def _holders(self, asker: Asker, about: Conversation) -> None:
        """Who may read it, under the asker's circumstances."""
        resource, world = conversation_resource(about), asker.world

        async def people() -> AsyncIterator[Subject]:
            for person in self.stock.people:
                yield person

        asked = Question(Subject(""), "conversation:read", resource, world.env)
        page = await holders(world.snapshot, people(), asked, len(self.stock.people))
        may_read = [each.id for each in self.stock.people if _may(world, each, "conversation:read", resource)]
        assert [each.subject.id for each in page.holders] == may_read

    async def _shown_holders(self, asker: Asker, about: Conversation, size: int) -> None:
        """The field shows those whom the asker may ask about, and asks without circumstances."""
        resource, world = conversation_resource(about), asker.world
        bare = replace(world, env=Env(world.env.time))
        shown = [
            each
            for each in self.stock.users
            if _may(world, asker.subject, "permission:read", permission_resource(each))
            and _may(bare, self._person(each.id), "conversation:read", resource)
        ]
        variables = {"type": "conversation", "id": encode("Conversation", about.id)}
        found = await asker.ids(WHO, size, resource=variables)
        if _may(world, asker.subject, "conversation:read", resource):
            _same_unless_refused(found, _ids(shown, "User"))
        else:
            assert isinstance(found, Refused)
            assert found.code in ("FORBIDDEN", "NOT_FOUND")

    def _person(self, id_: Any) -> Subject:
        return next(each for each in self.stock.people if each.id == id_)

    async def _delivery(self, asker: Asker, about: Conversation, then: World) -> None:
        """Of an event, and again when the rules have changed: where that ends it, no event has to come for it."""
        first, second = _told(asker.world, asker.subject, about), _told(then, asker.subject, about)
        found = await asker.delivered(about.id, self.stock.cursors[about.id], then, silent=second == REVOKED)
        assert found == ([first] if first == REVOKED else [first, second])


REVOKED: Final[tuple[dict[str, Any], list[str]]] = ({"__typename": "AccessRevoked"}, [])


def _told(world: World, subject: Subject, about: Conversation) -> tuple[dict[str, Any], list[str]]:
    """What he is to be told of a message, and the codes of errors."""
    reads = _may(world, subject, "conversation:read", conversation_resource(about))
    if not (reads and _may(world, subject, "message:read", message_resource(about))):
        return REVOKED
    sees = _may(world, subject, "message:read_metadata", message_resource(about))
    message = {"content": "hello", "metadata": {"llmModel": "m"} if sees else None}
    return {"__typename": "MessageAdded", "message": message}, [] if sees else ["FORBIDDEN"]


def _may(world: World, subject: Subject, action: str, resource: Resource) -> bool:
    return bool(world.snapshot.decide(subject, action, resource, world.env))


def _ids(found: Sequence[Any], kind: str) -> list[str]:
    return [encode(kind, each.id) for each in found]


def _same_unless_refused(found: Sequence[str] | Refused, allowed: Sequence[str]) -> None:
    """Who may do it to nothing at all is refused before anything is listed."""
    assert found == allowed or (found == Refused("FORBIDDEN") and not allowed)
