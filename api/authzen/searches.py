"""Who may, what may be done, and to which: each a page, and each result one that an evaluation would allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from beanie import PydanticObjectId

from api.authzen.bodies import BadRequestError
from api.authzen.facts import SUBJECT, Gatherer
from api.authzen.pages import Page, PageRequest, Place, bad_place
from api.authzen.questions import Act, Entity
from api.services import Services
from models import conversation_list
from models.conversation_list import ConversationFilter, ConversationOrder, ListRequest, Scope, list_conversations
from models.directory import list_users
from permissions.access import Access
from permissions.actions import resource_type
from permissions.engine.facts import Subject
from permissions.engine.filters import equalities, is_listable
from permissions.questions.holders import holders
from permissions.questions.known import known_actions, known_types
from permissions.questions.question import Question
from permissions.resources import CONVERSATION, USER, conversation_resource, user_resource
from resolvers.errors import BadInputError
from resolvers.ids import as_object_id, encode

NOTHING: Final = Page(())
LISTED: Final = (CONVERSATION, USER)
ORDER: Final = ConversationOrder.STARTED_DESC
"""A conversation keeps its place in it."""
LATEST_MS: Final = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Searches:
    """One request's."""

    services: Services
    access: Access
    gatherer: Gatherer

    async def subjects(
        self, sought: Entity, act: Act, about: Entity, context: Mapping[str, Any], page: PageRequest
    ) -> Page:
        """The accounts that may do `act` to `about`, by their ids."""
        action = self.gatherer.action(act, about.type)
        resource = await self.gatherer.resource(about, action)
        if sought.type != SUBJECT or action is None or resource is None:
            return NOTHING
        asked = Question(Subject(""), action, resource, self.gatherer.env(context, act))
        everybody = self.services.permissions.subjects(after=_user_id(page.place))
        found = await holders(self.access.snapshot, everybody, asked, page.size)
        results = [{"type": SUBJECT, "id": encode("User", each.subject.id)} for each in found.holders]
        last = [str(found.last)] if found.last is not None else page.place
        return Page(results, last if found.more else None)

    async def resources(
        self, who: Entity, act: Act, sought: Entity, context: Mapping[str, Any], page: PageRequest
    ) -> Page:
        """The stored conversations, or accounts, to which `who` may do `act`.

        Raises `BadRequestError` for a type that is known and not listed here, most of all one of another service:
        "none" would be untrue. A type that nobody knows has none.
        """
        if sought.type not in LISTED and sought.type in known_types(self.access.snapshot):
            raise BadRequestError(
                f"resources of type `{sought.type}` are not listed here: ask the service that keeps them which there "
                "are, and put them to the evaluations endpoint"
            )
        subject, action = await self.gatherer.subject(who), self.gatherer.action(act, sought.type)
        if subject is None or action is None or resource_type(action) != sought.type:
            return NOTHING
        access = Access(self.access.snapshot, subject, self.gatherer.env(context, act, who))
        if sought.type == CONVERSATION:
            return await self._conversations(access, action, page)
        return await self._users(access, action, page) if sought.type == USER else NOTHING

    async def actions(self, who: Entity, about: Entity, context: Mapping[str, Any], page: PageRequest) -> Page:
        """The verbs that `who` may do to `about`, in order."""
        subject = await self.gatherer.subject(who)
        resource = await self.gatherer.resource(about, None)
        if subject is None or resource is None:
            return NOTHING
        access = Access(self.access.snapshot, subject, self.gatherer.env(context, None, who))
        after = _verb(page.place)
        known = sorted(each for each in known_actions(access.snapshot) if resource_type(each) == about.type)
        allowed = [each.partition(":")[2] for each in known if access.consider(each, resource)]
        following = [verb for verb in allowed if verb > after]
        shown = following[: page.size]
        more = len(following) > page.size
        return Page([{"name": verb} for verb in shown], ([shown[-1]] if shown else page.place) if more else None)

    async def _conversations(self, access: Access, action: str, page: PageRequest) -> Page:
        scopes = access.scopes(action, CONVERSATION)
        listed = [Scope(equalities(each), each) for each in scopes] if is_listable(list(scopes)) else [Scope({}, {})]
        request = ListRequest(ORDER, page.size, after=_place(page.place))
        found = await list_conversations(self.services.database.db, listed, ConversationFilter(), request)
        allowed = [each for each in found.conversations if access.consider(action, conversation_resource(each))]
        results = [{"type": CONVERSATION, "id": encode("Conversation", each.id)} for each in allowed]
        if not found.more:
            return Page(results)
        last = found.reached or (
            conversation_list.place(found.conversations[-1], ORDER) if found.conversations else None
        )
        return Page(results, [_ms(last.time), str(last.id)] if last else page.place)

    async def _users(self, access: Access, action: str, page: PageRequest) -> Page:
        after = await self._key(page.place)
        scopes = access.scopes(action, USER)
        reach = scopes if is_listable(list(scopes)) else ({},)
        found = await list_users(after, page.size + 1, reach)
        shown, more = found[: page.size], len(found) > page.size
        allowed = [each for each in shown if access.consider(action, user_resource(each))]
        results = [{"type": USER, "id": encode("User", each.id)} for each in allowed]
        return Page(results, ([str(shown[-1].id)] if shown else page.place) if more else None)

    async def _key(self, place: Place) -> str | None:
        """Accounts are listed by their addresses, which a token must not give away."""
        user_id = _user_id(place)
        user = await self.gatherer.account(user_id) if user_id else None
        if user_id and user is None:
            raise bad_place()
        return user.email_key if user else None


def _user_id(place: Place) -> PydanticObjectId | None:
    match place:
        case []:
            return None
        case [str(text)]:
            return _object_id(text)
        case _:
            raise bad_place()


def _verb(place: Place) -> str:
    match place:
        case []:
            return ""
        case [str(verb)]:
            return verb
        case _:
            raise bad_place()


def _place(place: Place) -> conversation_list.Place | None:
    match place:
        case []:
            return None
        case [int(ms), str(text)] if 0 <= ms <= LATEST_MS:
            return conversation_list.Place(datetime.fromtimestamp(ms / 1000, UTC), _object_id(text))
        case _:
            raise bad_place()


def _object_id(text: str) -> PydanticObjectId:
    try:
        return as_object_id(text, "User", "token")
    except BadInputError:
        raise bad_place() from None


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
