"""Asking whatever the schema has, as somebody, with arguments from a pool."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import GraphQLSchema

from tests.isolation.arguments import Pool
from tests.isolation.canaries import Judge
from tests.isolation.documents import Operation, Place, refused, told
from tests.isolation.tenants import World
from tests.served import Answer, Caller


@dataclass
class Asker:
    """Somebody, what he was told that the engine denies him, and which fields he has seen."""

    name: str
    caller: Caller
    judge: Judge
    world: World
    graph: GraphQLSchema
    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seen: set[Place] = field(default_factory=set)
    refused: frozenset[Place] = frozenset()

    async def ask(self, one: Operation, variables: dict[str, Any]) -> Answer:
        """The answer is looked through."""
        headers = {"Authorization": f"Bearer {self.caller.token}"}
        body = {"query": one.document, "variables": variables}
        response = await self.caller.http.post("/graphql", json=body, headers=headers)
        answer = Answer(response.status_code, response.headers, response.json())
        sent, said = json.dumps(variables), json.dumps([answer.body, dict(answer.headers)])
        self.told(f"{one.name} {sent}", said, sent)
        self.seen |= set(told(answer.body.get("data")))
        self.refused |= refused(self.graph, answer.body)
        if answer.status >= 500 or "INTERNAL_SERVER_ERROR" in answer.codes:
            self.faults.append(f"{one.name} {sent}: {answer.body}")
        return answer

    def told(self, about: str, said: str, sent: str = "") -> None:
        """He was told that, and had sent this."""
        for place in self.world.canaries.leaks(said, self.judge, sent):
            self.leaks.append(f"{self.name} is told the {place} by {about[:300]}")


async def asker(world: World, graph: GraphQLSchema, name: str) -> Asker:
    """Somebody of the world, by the rules as they are now."""
    return Asker(name, await world.served.as_(name), await world.judge(name), world, graph)


def pool(world: World, seed: object, optional: float = 0.3) -> Pool:
    """All ids there are, some that never were, and whatever else may mean something."""
    chance = Random(str(seed))
    texts = ["common", "analyst", "own_conversations", "", *world.names]
    texts += chance.sample(world.words, len(texts))
    return Pool(world.ids, texts, chance, optional, world.cursors)
