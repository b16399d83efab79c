"""The same work at 10², 10⁴ and 10⁶, in turn: `make bench ARGS="-k scale"`, and `make bench-data` before.

Of size n: n conversations, one of which has n messages; and n messages with words, to be searched. It goes through the
models as a request does (the conversation is loaded first), without GraphQL, whose cost `test_http.py` measures.
"""

import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median, quantiles
from typing import Final

import pytest

from models.conversation_list import ConversationFilter, ConversationOrder, ListRequest, Scope, list_conversations
from models.search.query import parse
from models.search.reach import MessageFilter
from models.search.search import MessageSearch, SearchRequest
from models.tree import MAIN, MessageTree, TreeLimits, Window
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import UsageReach
from models.usage.usage import Usage
from tests.benchmarks.data import Sized, kept
from tests.benchmarks.many_messages import COMMON
from tests.benchmarks.report import Table, publish
from tests.benchmarks.test_search import everybody
from tests.benchmarks.worlds import ASKER, BEGAN, FORKS, SMALLEST, message

pytestmark = pytest.mark.benchmark

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "100"))
WARM: Final = 3
ENOUGH: Final = 15
"""Rounds of work that takes long; the rest go without it once it has had `LONGEST` seconds."""
LONGEST: Final = 15.0
PAGE: Final = 20
WANTED: Final = 1.5
"""The ratio that nothing but search should exceed."""

Work = Callable[[int], Awaitable[None]]
"""Does it once; is told how often it was done before."""


@dataclass
class Operation:
    """One kind of work, of one size; its times in ms."""

    work: Work
    times: list[float] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.times) >= ENOUGH and sum(self.times) > LONGEST * 1000

    async def run(self, number: int, *, warm: bool) -> None:
        """Do it once more."""
        began = time.perf_counter()
        await self.work(number)
        if not warm:
            self.times.append((time.perf_counter() - began) * 1000)

    @property
    def p50(self) -> float:
        return median(self.times)

    @property
    def p95(self) -> float:
        return quantiles(self.times, n=20)[-1]


@pytest.fixture
async def sizes() -> AsyncIterator[list[Sized]]:
    async with kept() as found:
        yield found


def reading(sized: Sized) -> Mapping[str, Work]:
    """Pages of the conversation that has as many messages."""
    world = sized.world

    def page(window: Window) -> Work:
        async def work(number: int) -> None:
            found = await world.tree.history(await world.long()).page(MAIN, window)
            assert len(found.rows) == PAGE

        return work

    async def switch(number: int) -> None:
        """From "1 / 3" to the next one: its branch is chosen, and its end shown."""
        conversation, middle = await world.long(), world.middle
        siblings = await world.tree.history(conversation).siblings(middle, middle.depth + 1, PAGE)
        assert len(siblings) == FORKS + 1
        branch = siblings[1 + number % FORKS].branch
        await world.tree.choose(conversation, ASKER, branch)
        found = await world.tree.history(conversation).page(branch, Window(last=PAGE))
        assert len(found.rows) == PAGE

    async def append(number: int) -> None:
        appended = await world.tree.append_at_end(await world.long(), MAIN, message(number))
        assert appended.fresh

    return {
        "append": append,
        "last page": page(Window(last=PAGE)),
        "first page": page(Window(first=PAGE)),
        "page in the middle": page(Window(first=PAGE, after=world.middle)),
        "sibling switch": switch,
    }


def listing(sized: Sized) -> Mapping[str, Work]:
    """The first page of conversations, of one's own and of all."""

    def of(scope: Scope) -> Work:
        async def work(number: int) -> None:
            request = ListRequest(ConversationOrder.UPDATED_DESC, PAGE)
            found = await list_conversations(sized.world.db, [scope], ConversationFilter(), request)
            assert len(found.conversations) == PAGE

        return work

    own = Scope({"owner_id": ASKER}, {"owner_id": {"$eq": ASKER}})
    return {"list of one's own": of(own), "list of everybody's": of(Scope({}, {}))}


def searching(sized: Sized) -> Mapping[str, Work]:
    """The first page of a frequent word, among all messages."""
    search = MessageSearch(sized.words.db, MessageTree(sized.words.db, TreeLimits()))
    reach = everybody({})

    async def work(number: int) -> None:
        found = await search.find(reach, SearchRequest(parse(COMMON), MessageFilter(), PAGE))
        assert len(found.hits) == PAGE

    return {"search": work}


def counting(sized: Sized) -> Mapping[str, Work]:
    """Tokens, messages and latencies of what the asker owns, by model: in all, and since a hundred messages ago."""
    usage, own = Usage(sized.world.db), {"owner_id": {"$eq": ASKER}}
    reach = UsageReach([own], [{"owner_id": ASKER}], [own], [own])
    since = BEGAN + timedelta(seconds=sized.size - SMALLEST)
    one = UsageFilter(since=since, conversation_id=sized.world.long_id)

    def over(wanted: UsageFilter) -> Work:
        async def work(number: int) -> None:
            report = await usage.report(ASKER, reach, UsageQuestion(by=[UsageDimension.MODEL], wanted=wanted))
            assert report.groups

        return work

    return {
        "usage, one's own, recent": over(UsageFilter(since=since)),
        "usage, the conversation, recent": over(one),
        "usage, one's own, all": over(UsageFilter()),
    }


def operations(sized: Sized) -> dict[str, Operation]:
    """All that is measured, by name."""
    works = {**reading(sized), **listing(sized), **searching(sized), **counting(sized)}
    return {name: Operation(work) for name, work in works.items()}


def ratios(of: list[Operation]) -> Iterator[tuple[float, float]]:
    """(p50, p95) over the smallest size. Of p50: the median over the rounds, in which all were done in turn."""
    for each in of[1:]:
        paired = [one / other for one, other in zip(each.times, of[0].times, strict=False)]
        yield median(paired), each.p95 / of[0].p95


async def measure(all_sizes: list[dict[str, Operation]]) -> None:
    """In turn, so that whatever else the machine does hits all alike; who begins changes from round to round."""
    for number in range(-WARM, ROUNDS):
        for name in all_sizes[0]:
            turn = [of[name] for of in all_sizes]
            if any(each.done for each in turn):
                continue
            for each in turn[:: 1 if number % 2 else -1]:
                await each.run(number, warm=number < 0)
        sys.stderr.write(f"\rround {max(number + 1, 0)} of {ROUNDS} ")


async def test_scale(sizes: list[Sized]) -> None:
    measured = [operations(sized) for sized in sizes]
    began = time.perf_counter()
    await measure(measured)
    rows, over = [], []
    for name in measured[0]:
        of = [each[name] for each in measured]
        compared = list(ratios(of))
        figures = [f"{figure:.2f}" for each in of for figure in (each.p50, each.p95)]
        rows.append([name, *figures, *(f"{figure:.2f}" for pair in compared for figure in pair)])
        if any(figure > WANTED for pair in compared for figure in pair):
            over.append(name)
    fewer = "".join(f", of {name} {len(of.times)}" for name, of in measured[0].items() if len(of.times) < ROUNDS)
    head = [f"{sized.size:,}: {which}" for sized in sizes for which in ("p50", "p95")]
    head += [f"ratio {sized.size:,}: {which}" for sized in sizes[1:] for which in ("p50", "p95")]
    publish(
        "scale",
        [Table(f"A page of {PAGE}, or one append, by size; ms", ["", *head], rows)],
        [
            f"Above {WANTED}: {', '.join(over) or 'nothing'}.",
            f"{ROUNDS} rounds{fewer}, all sizes in turn, {time.perf_counter() - began:,.0f} s. Through the models, "
            "without GraphQL; embedded MongoDB, synced writes.",
        ],
    )
