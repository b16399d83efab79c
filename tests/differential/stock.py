"""Arguments that find something in the planted world, and such as find nothing, or are refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bson import ObjectId
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    is_required_input_field,
)

from resolvers.ids import encode
from tests.differential import changes
from tests.fuzz.pools import KINDS_OF, TEXTS_OF
from tests.fuzz.values import MOMENTS
from tests.isolation.telling import telling
from tests.isolation.tenants import World

SIZES: Final = (1, 1, 2, 2, 3, 5)
ODD_SIZES: Final = (0, -1, 20, 100, 101, 2**31 - 1)
NO_IDS: Final = ("", "x", encode("Conversation", ObjectId("0" * 24)), encode("Nothing", "x"), "Q29udmVyc2F0aW9uOng")
TEXTS: Final = ("", "common", "analyst", "x" * 300, "$where", "é\u202e", "a.b")
MOST_CURSORS: Final = 500
USUAL: Final = ("me", "conversation", "conversations", "node", "nodes", "searchMessages", "users", "roles", "sessions")
SLOW: Final = frozenset({"whoHasAccess", "simulate", "replay", "policyPromotion", "usage", "effectivePermissions"})
NAMED: Final[Mapping[str, str]] = {
    "conversation": "Conversation",
    "message": "Message",
    "branch": "Branch",
    "user": "User",
    "sessionId": "Session",
    "assignmentId": "RoleAssignment",
    "attachmentIds": "Attachment",
}


@dataclass
class Stock:
    """Of one world. `cursors`: those that were in answers so far."""

    schema: GraphQLSchema
    world: World
    cursors: list[str] = field(default_factory=lambda: ["x", ""])

    def roots(self, kind: str) -> Sequence[str]:
        """What is asked for often comes often; what takes long, seldom."""
        names = sorted(getattr(self.schema, f"{kind}_type").fields)
        if kind == "mutation":
            return [*[each for each in names if each not in changes.LEFT_OUT], *changes.USUAL * 8]
        if kind == "subscription":
            return [*names, *["conversationEvents"] * 5]
        some = [each for each in names if each not in SLOW]
        return [*[each for each in USUAL if each in names] * 8, *some * 2, *SLOW & set(names)]

    def told(self, chance: Random, root: str) -> Mapping[str, Any]:
        """Those by which the walk finds all that there is, or something is done."""
        changing = changes.sensible(self.world, chance)
        return {"input": changing[root]} if root in changing else chance.choice(telling(self.world, root))

    def value(self, chance: Random, name: str, type_: GraphQLInputType, depth: int = 0) -> Any:
        """As JSON."""
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif chance.randrange(25) == 0:
            return None
        if isinstance(type_, GraphQLList):
            return [self.value(chance, name, type_.of_type, depth) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(chance, type_, depth)
        if isinstance(type_, GraphQLEnumType):
            return chance.choice(list(type_.values))
        return self._scalar(chance, name, type_.name, depth)

    def learn(self, value: Any) -> None:
        """Keep the cursors of an answer."""
        if isinstance(value, dict):
            for key, each in value.items():
                if isinstance(each, str) and key in ("cursor", "endCursor", "startCursor"):
                    if len(self.cursors) < MOST_CURSORS:
                        self.cursors.append(each)
                else:
                    self.learn(each)
        elif isinstance(value, list):
            for each in value:
                self.learn(each)

    def _object(self, chance: Random, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        if type_.is_one_of:
            name = chance.choice(sorted(type_.fields))
            value = None
            while value is None:
                value = self.value(chance, name, type_.fields[name].type, depth + 1)
            return {name: value}
        return {
            name: self.value(chance, name, one.type, depth + 1)
            for name, one in type_.fields.items()
            if is_required_input_field(one) or chance.randrange(3 + depth) == 0
        }

    def _scalar(self, chance: Random, name: str, type_: str, depth: int) -> Any:
        if name in ("after", "before", "cursor") and type_ == "String":
            return chance.choice(self.cursors)
        if type_ == "ID" or name in KINDS_OF:
            return self._id(chance, NAMED.get(name) or NAMED.get(KINDS_OF.get(name, "")))
        if type_ == "Int":
            return chance.choice(ODD_SIZES if chance.randrange(12) == 0 else SIZES)
        if type_ == "Boolean":
            return chance.random() < 0.5
        if type_ == "Float":
            return chance.choice((0.0, 1.5, 3))
        if type_ in ("DateTime", "Date"):
            return chance.choice(MOMENTS[:4] if chance.randrange(8) else MOMENTS)
        if type_ == "JSON":
            return chance.choice(({}, {"region": "EMEA"}, {"a": [1, None, "x"]}, "EMEA"))
        some = [*TEXTS_OF.get(name, ())]
        flat = [one for each in some for one in (each if isinstance(each, list) else [each])]
        return chance.choice(
            flat if flat and chance.randrange(6) else [*TEXTS, *self.world.names, chance.choice(self.world.words)]
        )

    def _id(self, chance: Random, kind: str | None) -> str:
        if chance.randrange(12) == 0:
            return chance.choice(NO_IDS)
        kinds = sorted(self.world.ids)
        if kind not in self.world.ids or chance.randrange(8) == 0:
            kind = chance.choice(kinds)
        return chance.choice(self.world.ids[kind])
