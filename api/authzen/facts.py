"""From what is named in a question to what the engine decides on: accounts and stored resources are looked up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from strawberry.dataloader import DataLoader

from api.authzen.questions import Act, Entity, Evaluation
from api.services import Services
from models.conversation import Conversation
from models.user import User, email_key
from permissions.access import Access
from permissions.actions import resource_type
from permissions.authn.registration import MAX_EMAIL_CHARACTERS
from permissions.engine.facts import Env, Resource, Subject
from permissions.questions.known import known_actions
from permissions.resources import (
    CONVERSATION,
    MESSAGE,
    SESSION,
    USER,
    conversation_resource,
    message_resource,
    session_resource,
    user_resource,
)
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, as_object_id, message_address, object_id, understood
from resolvers.loaders import Loaders
from resolvers.sights import Sights, message_at

SUBJECT: Final = "user"
"""The type of every subject; services are accounts too."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision rests on; None is what there isn't, or what this server doesn't know."""

    subject: Subject | None
    action: str | None
    resource: Resource | None
    env: Env


class Gatherer:
    """One request's: what it names is looked up once, many at a time."""

    def __init__(self, services: Services, access: Access) -> None:
        self._services: Final = services
        self._access: Final = access
        self._loaders: Final = Loaders(services.tree, Sights(services.tree, lambda conversation, action: None))
        self._users: DataLoader[str, User | None] = DataLoader(_by_address)

    async def facts(self, asked: Evaluation) -> Facts:
        """All that a question names."""
        action = self.action(asked.action, asked.resource.type)
        subject, resource = await asyncio.gather(self.subject(asked.subject), self.resource(asked.resource, action))
        return Facts(subject, action, resource, self.env(asked.context, asked.action, asked.subject))

    async def subject(self, entity: Entity) -> Subject | None:
        """An account by its id or its address. What is stored of it counts; `properties` only add to that."""
        if entity.type != SUBJECT or entity.id is None:
            return None
        user = await self._user(entity.id)
        subject = await self._services.permissions.subject(user.id) if user else None
        if subject is None or not entity.properties:
            return subject
        return replace(subject, attributes={**_understood(entity.properties), **subject.attributes})

    def action(self, act: Act, type_: str) -> str | None:
        """`resource:verb`, also for a bare verb; None for what nobody can do to that type of resource."""
        action = act.name if ":" in act.name else f"{type_}:{act.name}"
        fits = resource_type(action) == type_ or (type_, resource_type(action)) == (CONVERSATION, MESSAGE)
        return action if fits and action in known_actions(self._access.snapshot) else None

    async def resource(self, entity: Entity, action: str | None) -> Resource | None:
        """What is stored here counts as it is stored; of the rest, `properties` are all that is known."""
        type_ = resource_type(action) if action else entity.type
        load = _STORED.get(entity.type)
        if load is None or entity.id is None:
            return Resource(type_, entity.id, _understood(entity.properties))
        try:
            return await load(self, entity.id, type_)
        except BadInputError:
            return None

    def env(self, context: Mapping[str, Any], act: Act | None = None, subject: Entity | None = None) -> Env:
        """The circumstances as they are told, but for the time: that is this server's own."""
        told = {**(_understood(act.properties) if act else {}), **_whereabouts(subject), **_understood(context)}
        told.pop("time", None)
        if "session_age" in told:
            told["session_age"] = _seconds(told["session_age"])
        return Env(self._access.env.time, told)

    async def conversation(self, id_: PydanticObjectId) -> Conversation | None:
        """If it is there."""
        stored = await self._loaders.conversations.load(id_)
        return None if stored is None or stored.deleted else stored

    async def account(self, id_: PydanticObjectId) -> User | None:
        """If it is there."""
        return await self._loaders.users.load(id_)

    async def load_user(self, id_: str, type_: str) -> Resource | None:
        """An account as a resource."""
        stored = await self._user(id_)
        return user_resource(stored) if stored else None

    async def load_conversation(self, id_: str, type_: str) -> Resource | None:
        """A conversation; or any of its messages, where the action is one that is done to messages."""
        stored = await self.conversation(object_id(id_, "Conversation"))
        if stored is None:
            return None
        return message_resource(stored) if type_ == MESSAGE else conversation_resource(stored)

    async def load_message(self, id_: str, type_: str) -> Resource | None:
        """A message; by the id of a conversation, any of its messages."""
        if GlobalId.parse(id_).kind == "Conversation":
            return await self.load_conversation(id_, MESSAGE)
        conversation_id, address = message_address(id_)
        stored = await self.conversation(conversation_id)
        if stored is None or await self._loaders.rows.load((conversation_id, address)) is None:
            return None
        return await message_at(self._services.tree, stored, address)

    async def load_session(self, id_: str, type_: str) -> Resource | None:
        """A living session."""
        owner, name = GlobalId.parse(id_).require("Session", 2, "id")
        owner_id = as_object_id(owner, "Session", "id")
        living = await self._services.authentication.accounts.sessions_of(owner_id)
        return session_resource(name, owner_id) if any(each.id == name for each in living) else None

    async def _user(self, id_: str) -> User | None:
        if "@" in id_:
            return await self._users.load(email_key(id_)) if len(id_) <= MAX_EMAIL_CHARACTERS else None
        try:
            return await self.account(object_id(id_, "User"))
        except BadInputError:
            return None


_STORED: Final[Mapping[str, Callable[[Gatherer, str, str], Awaitable[Resource | None]]]] = {
    CONVERSATION: Gatherer.load_conversation,
    MESSAGE: Gatherer.load_message,
    USER: Gatherer.load_user,
    SESSION: Gatherer.load_session,
}


async def _by_address(keys: list[str]) -> list[User | None]:
    found = {user.email_key: user async for user in User.find({"email_key": {"$in": keys}})}
    return [found.get(key) for key in keys]


def _understood(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: understood(value) for name, value in properties.items()}


def _whereabouts(subject: Entity | None) -> dict[str, Any]:
    """The properties of a subject that AuthZEN names and conditions read as circumstances."""
    told = subject.properties if subject else {}
    names = {"ip_address": "ip", "device_id": "device"}
    return {ours: told[theirs] for theirs, ours in names.items() if theirs in told}


def _seconds(age: Any) -> Any:
    if not isinstance(age, int | float) or isinstance(age, bool):
        return age
    try:
        return timedelta(seconds=age)
    except OverflowError:
        return age
