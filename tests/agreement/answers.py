"""The answers of the served schema to one caller, page by page; and what is delivered to him."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields
from typing import Any, Final

from beanie import PydanticObjectId

from api.schema import Schema
from permissions.access import Access
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.tokens import AccessToken
from permissions.engine.facts import Subject
from permissions.engine.rulebook import Policy
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.resources import CONVENTIONS
from permissions.store import News
from resolvers.chat.events import channel
from resolvers.context import Context
from resolvers.ids import encode
from resolvers.live import Broker
from tests.agreement.rules import World
from tests.served import Served

LISTS: Final = {
    name: f"query ($first: Int, $after: String) {{ {name}(first: $first, after: $after) {{"
    " edges { node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    for name in ("conversations", "users", "auditEvents")
}
SEARCH: Final = """query ($filter: MessageSearchFilter, $first: Int, $after: String) {
  searchMessages(query: "hello", filter: $filter, first: $first, after: $after) {
    edges { node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
WHO: Final = """query ($resource: ResourceInput!, $first: Int, $after: String) {
  whoHasAccess(action: "conversation:read", resource: $resource, first: $first, after: $after) {
    edges { node { user { id } } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
EVENTS: Final = """subscription ($id: ID!, $after: String) { conversationEvents(conversationId: $id, after: $after) {
  __typename ... on MessageAdded { message { content metadata { llmModel } } } } }"""

EVERYTHING: Final = Snapshot(policies=[Policy("all", Effect.ALLOW, ("*",))], conventions=CONVENTIONS)


@dataclass(slots=True)
class Unlogged(Context):
    """What is decided is not written down here: it would be among the records that are listed."""

    async def settle(self) -> None:
        self._decided = type(self._decided)()
        self.access.takings()


@dataclass(frozen=True, slots=True)
class Refused:
    """The error's code, in place of an answer."""

    code: str


@dataclass(slots=True)
class Asker:
    """Somebody in a world. `beginning` is under which rules he subscribed."""

    schema: Schema
    served: Served
    broker: Broker
    subject: Subject
    world: World
    beginning: list[Access] = field(default_factory=list)

    async def ids(self, document: str, size: int, **variables: Any) -> Sequence[str] | Refused:
        """All nodes of a list, whose pages must have the right sizes, and say rightly whether there are more."""
        found: list[str] = []
        after: str | None = None
        while True:
            result = await self.schema.execute(document, variables | {"first": size, "after": after}, self._context())
            if result.errors:
                return Refused(_code(result.errors))
            (page,) = (result.data or {}).values()
            found += [_id(edge["node"]) for edge in page["edges"]]
            assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
            assert len(page["edges"]) == size or not page["pageInfo"]["hasNextPage"]
            assert page["edges"] or after is None, "a page that was announced is empty"
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    async def delivered(
        self, conversation_id: PydanticObjectId, after: str, then: World, *, silent: bool
    ) -> list[tuple[Mapping[str, Any], list[str]]]:
        """What comes to one who subscribed when he might still do everything: data, and codes of errors.

        First of an event; then of a change of the rules, which are those of another world from then on, and, unless
        that is `silent`, of the same event again. It ends with the subscription, or with the second event.
        """
        self.beginning = [Access(EVERYTHING, self.subject, self.world.env)]
        context = self._context(socket=True)
        variables = {"id": encode("Conversation", conversation_id), "after": after}
        found = []
        async with aclosing(await self.schema.subscribe(EVENTS, variables, context)) as events:
            async for told in events:
                assert told.data is not None, told.errors
                found.append((told.data["conversationEvents"], [_code([error]) for error in told.errors or ()]))
                if len(found) > 1:
                    break
                if found[0][0]["__typename"] == "MessageAdded":
                    self.world = then
                    context.standings.rules_changed(News(rules=True, users=frozenset()))
                    if not silent:
                        await self.broker.publish(channel(conversation_id), b'{"message": "main.0"}')
        assert not self.beginning
        return found

    def _context(self, *, socket: bool = False) -> Context:
        services = self.served.services
        given: dict[str, Any] = {
            "principal": Principal(PydanticObjectId(str(self.subject.id)), new_id()),
            "access": self._access(),
            "client": Client(),
            "db": services.database,
            "broker": self.broker,
            "accounts": services.authentication.accounts,
            "judge": self._judge,
            "socket": socket,
            "cutoff": Cutoff() if socket else None,
        }
        # The rest as it is served: resolvers may come to need more of it.
        names = {each.name for each in fields(Context) if each.init and each.name not in given}
        return Unlogged(**given, **{name: getattr(services, name) for name in names if hasattr(services, name)})

    async def _judge(self, _: Principal | None, __: AccessToken | None) -> Access:
        return self.beginning.pop() if self.beginning else self._access()

    def _access(self) -> Access:
        return Access(self.world.snapshot, self.subject, self.world.env)


def _id(node: Mapping[str, Any]) -> str:
    found: str = node["user"]["id"] if "user" in node else node["id"]
    return found


def _code(errors: Sequence[Any]) -> str:
    code = (errors[0].extensions or {}).get("code")
    if code is None or code == "INTERNAL":
        raise AssertionError(errors[0]) from errors[0].original_error
    return str(code)
