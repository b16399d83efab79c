"""Round after round: a document is written, and asked by several people, with the variables that it has."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

from graphql import GraphQLSchema

from tests.differential import broken
from tests.differential.cases import Case
from tests.differential.changes import compare_changes
from tests.differential.comparing import Verdict, compare
from tests.differential.events import broke, happened
from tests.differential.executing import Executors
from tests.differential.grammar import Values, document
from tests.differential.people import CALLERS
from tests.differential.pipelines import Pipelines
from tests.differential.reporting import report
from tests.differential.restoring import Restored
from tests.differential.several import several, stray
from tests.differential.shrinking import shrunk
from tests.differential.stock import SIZES, Stock
from tests.differential.streams import Streams

OFTEN: Final = ("root", "admin", "alice")
"""Who is told most."""
ASKED_BY: Final = 5
FATES: Final = 30
SOUND: Final = (1.0, 0.99, 0.97, 0.9, 0.7, 0.4)
"""How much of the broken schema is not broken."""
MOST_FOUND: Final = 3
LOOKED_AT: Final = 5
"""So often what was wrong is looked at again."""
STOPPED_SECONDS: Final = 45
"""No comparison takes so long: somebody has stopped the process, or an answer never came."""
AWAY_SECONDS: Final = 1.0
"""What is compared while a store does not answer is compared again after so long: which step meets that is chance."""


@dataclass
class Tally:
    """Of so many executions, each by both. `raced`: those that differ in what is a race.

    `found`: what is wrong, and wrong again. `once`: what was wrong, and is right whenever it is looked at again.
    """

    executions: int = 0
    documents: int = 0
    raced: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        answers = ", ".join(f"{kind} {number:,}" for kind, number in self.answers.most_common())
        return f"{self.executions:,} executions of {self.documents:,} documents, {self.raced:,} raced: {answers}"


@dataclass
class Rounds:
    """`ask` is whom each document is asked by; `learn` is told what was answered."""

    executors: Executors
    schema: GraphQLSchema
    values: Values
    ask: Callable[[Random], Sequence[str]]
    kinds: tuple[str, ...] = ("query",)
    learn: Callable[[object], None] = lambda told: None
    compare: Callable[..., Awaitable[Verdict]] = compare
    wanted: Callable[[Case], bool] = lambda case: True
    write: Callable[[Random, GraphQLSchema, Values, str], Case] = document
    shrinks: bool = True
    varies: bool = False
    """Whether each but the first is asked with other variables."""
    tally: Tally = field(default_factory=Tally)

    async def run(self, chance: Random, executions: int) -> Tally:
        """So many more; fewer where something is wrong."""
        until = self.tally.executions + executions
        while self.tally.executions < until and len(self.tally.found) < MOST_FOUND:
            case = self.write(chance, self.schema, self.values, chance.choice(self.kinds))
            if not self.wanted(case):
                continue
            self.tally.documents += 1
            for number, caller in enumerate(self.ask(chance)):
                one = replace(case, caller=caller, event=chance.randrange(10**6))
                if self.varies and number:
                    one = replace(one, variables=varied(chance, case.variables))
                if not await self._one(one, compiled_first=chance.randrange(2) == 0):
                    break
        return self.tally

    async def _one(self, case: Case, *, compiled_first: bool) -> bool:
        verdict = await self._compared(case, compiled_first=compiled_first)
        tally = self.tally
        tally.executions += 1
        tally.raced += verdict.raced
        tally.answers[_kind(verdict)] += 1
        if verdict.faults:
            if again := await self._again(case):
                tally.found.append(again)
                return False
            tally.once.append(report(case, verdict, again=False))
        self.learn(verdict.core.told())
        return True

    async def _compared(self, case: Case, *, compiled_first: bool) -> Verdict:
        """Once more where the process was stopped meanwhile, so that time was up everywhere, or a store was away."""
        began = time.monotonic()
        try:
            verdict = await self.compare(self.executors, case, compiled_first=compiled_first)
        except Exception:
            if time.monotonic() - began < STOPPED_SECONDS:
                raise
        else:
            away = verdict.core.away or verdict.compiled.away
            if not verdict.faults or (time.monotonic() - began < STOPPED_SECONDS and not away):
                return verdict
            await asyncio.sleep(AWAY_SECONDS if away else 0)
        return replace(await self._compared(case, compiled_first=compiled_first), raced=True)

    async def _again(self, case: Case) -> str | None:
        """What is wrong, in as little as shows it still; None where nothing is any more."""
        small = await shrunk(self.executors, case, self.compare) if self.shrinks else case
        for one in (small, *[case] * LOOKED_AT):
            verdict = await self._compared(one, compiled_first=False)
            if verdict.faults:
                return report(one, verdict)
        return None


def everybody(chance: Random) -> Sequence[str]:
    """Each twice: a document is costly to judge and to compile, and cheap to ask again."""
    return chance.sample(CALLERS * 2, len(CALLERS) * 2)


def varied(chance: Random, variables: dict[str, Any]) -> dict[str, Any]:
    """The same, some of them other ones: what is selected depends on booleans, and how much on numbers."""

    def other(value: Any) -> Any:
        if isinstance(value, bool):
            return chance.random() < 0.5
        return chance.choice((value, *SIZES)) if isinstance(value, int) else value

    return {name: other(value) for name, value in variables.items()}


def of_world(executors: Executors, stock: Stock) -> Rounds:
    """Of our own schema, by everybody there is."""

    def ask(chance: Random) -> Sequence[str]:
        return chance.choice(OFTEN), *chance.sample(CALLERS, ASKED_BY - 1)

    executors.happened = partial(happened, stock.world)
    return Rounds(executors, stock.schema, stock, ask, (*["query"] * 7, "subscription"), learn=stock.learn)


def of_changes(executors: Executors, stock: Stock) -> Rounds:
    """The same, which change it."""
    rounds = of_world(executors, stock)
    rounds.kinds, rounds.compare = ("mutation",), compare_changes
    rounds.ask = lambda chance: ["alice", "bob", chance.choice(CALLERS)]
    return rounds


def of_restored(executors: Executors, stock: Stock) -> Rounds:
    """The same, each done to the very same world, in either order; what is stored is compared, too."""
    rounds = of_changes(executors, stock)
    rounds.compare = Restored(stock.world.served.services.database.db).compare
    return rounds


def of_several(executors: Executors, stock: Stock) -> Rounds:
    """Of documents with several operations, one after the other."""
    rounds = of_world(executors, stock)
    rounds.write = several
    return rounds


def of_names(pipelines: Pipelines, stock: Stock) -> Rounds:
    """The same all the way, with names of operations that are none, and with none."""
    rounds = of_pipelines(pipelines, stock)
    rounds.write = stray
    return rounds


def of_streams(streams: Streams, stock: Stock) -> Rounds:
    """What goes over sockets and event streams: all events of a subscription, and the one answer of a query."""
    rounds = of_pipelines(streams, stock)
    rounds.kinds = ("subscription", "subscription", "query")
    rounds.write = stray_seldom
    return rounds


def stray_seldom(chance: Random, schema: GraphQLSchema, values: Values, kind: str) -> Case:
    """Mostly a document with one operation."""
    write = stray if chance.randrange(8) == 0 else document
    return write(chance, schema, values, kind)


def of_pipelines(pipelines: Pipelines, stock: Stock) -> Rounds:
    """The same, all the way.

    Nothing is asked about the schema: where that is denied, Strawberry's way ends before the denial is written down.
    """
    rounds = of_world(pipelines, stock)
    rounds.kinds = ("query",)
    rounds.wanted = lambda case: "__schema" not in case.text and "__type(" not in case.text
    return rounds


def of_broken(executors: Executors) -> Rounds:
    """Of the schema whose resolvers break; by fates."""

    def ask(chance: Random) -> Sequence[str]:
        return [f"{chance.randrange(10**9)} {chance.choice(SOUND)}" for _ in range(FATES)]

    executors.happened = broke
    return Rounds(
        executors, broken.schema._schema, broken.Plenty(), ask, ("query", "query", "query", "mutation", "subscription")
    )


def _kind(verdict: Verdict) -> str:
    """What was answered, roughly."""
    if not verdict.core.errors:
        return "data"
    return "errors only" if verdict.core.data == "null" else "data and errors"
