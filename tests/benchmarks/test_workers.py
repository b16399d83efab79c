"""What a second worker adds on a second core. `make bench ARGS="-k workers"`.

The load generator and the stores run on the same cores, so that what is answered a second can't double, whoever
serves. Both are far away elsewhere, and a core is a worker's own. So the capacity is told by the workers' processor
time, and by the one that holds most connections, since the others can't help it. That counts what workers cost each
other, and an uneven sharing out of connections. Beside it stands what the busier one took here: where it shares its
core with less it answers sooner, is asked sooner, and has more to do than its connections are. So does what was
answered a second, and who took which part of the cores.

Where load and stores are elsewhere they interrupt no worker. Here an answer wakes who waits for it, and he takes the
core from the worker that gave it: with one worker he finds the other core idle, with two hardly ever. A worker then did
one request a turn of its loop, and its processor time a request said how often it was interrupted. So load and stores
are patient (`SCHED_BATCH`): they run when a core is free, or when it is their turn, and never because they were woken.
The same for both crews.

Both crews have as many connections, with conversations of their own: what a worker foretells of a conversation to which
another crew has appended is wrong. A connection stays with its worker, and its conversation with the connection, from
the warming up on. It leaves out what people do who have two devices on two workers, what the stores can do (they are
asked for by as many calls a request), and networks.

Below stands what a second core adds to programs that share nothing: two workers can't have more than that.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from api.cli.listening import listen
from api.cli.serve import environment
from api.settings import Settings
from api.shares import Counts, Share
from api.supervisor import WorkerProcess
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from tests.benchmarks.ceiling import Ceiling, measured
from tests.benchmarks.load import HOST, Job, run
from tests.benchmarks.report import Table, publish
from tests.benchmarks.scheduling import KNOWN, patient
from tests.benchmarks.servers import READY_SECONDS, cpu_seconds, unlimited
from tests.benchmarks.works import Work, append, me, page, planted
from tests.served import Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "3"))
WARM_SECONDS: Final = 1.0
EACH: Final = 64
"""Connections to a worker: what a turn of its loop costs is shared by those who have something in it."""
NAME: Final = "Parley"


@dataclass(frozen=True)
class Crew:
    """Workers that accept from one socket."""

    port: int
    pids: Sequence[int]
    counts: Counts
    """Of the connections that each holds; where there is but one it has them all."""

    @property
    def largest_share(self) -> float:
        """Of the connections, 0 to 1."""
        held = [self.counts[place] for place in range(len(self.counts))]
        return max(held) / sum(held)


@dataclass(frozen=True)
class Sample:
    """Of one round. Processor times in seconds a request: of all workers, of the busiest, of stores, of the load.

    `share` is the largest one of the connections.
    """

    rate: float
    share: float
    all: float
    busiest: float
    stores: float
    load: float


async def test_a_second_worker_on_a_second_core(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    conversation = await planted(served, alice)
    pairs = [await _works(served, alice, conversation) for _ in range(2)]
    pids, rows, settings = list(stores.pids().values()), list[list[str]](), _settings(served, stores)
    with patient(pids), _crew(settings, 1) as one, _crew(settings, 2) as two:
        for works in zip(*pairs, strict=True):
            turns = [(0, 1) if number % 2 == 0 else (1, 0) for number in range(ROUNDS)]
            taken = [{each: _measured((one, two)[each], works[each], pids) for each in turn} for turn in turns]
            rows.append(_row(works[0].name, [(each[0], each[1]) for each in taken]))
        rows.append(_bound([measured(SECONDS) for _ in range(ROUNDS)]))
    head = ["", "CPU a request, one", "of both", "of the busier"]
    head += ["capacity", "by the busier", "answered a second", "workers' part"]
    note = (
        f"Medians (lowest to highest) of {ROUNDS} rounds of {SECONDS:g} s in turns, {EACH} connections to a worker. "
        "Capacity: one worker's processor time a request, to that of the one of two that holds more connections, for "
        "its part of them. Beside it the same of the one that had most to do here, and how much more was answered on "
        "cores that the load and the stores use, too, and what part of them was left to two workers. "
        + ("Load and stores preempted nobody." if KNOWN else "Load and stores preempted workers: capacity is higher.")
    )
    publish("workers", [Table("A second worker on a second core", head, rows)], [note])


async def _works(served: Served, alice: Caller, conversation: Conversation) -> list[Work]:
    """A crew's."""
    return [
        me(alice, [NAME]),
        page(conversation, alice, [NAME]),
        await append(served, alice, [NAME], 2 * EACH),
    ]


@contextmanager
def _crew(settings: Settings, size: int) -> Iterator[Crew]:
    """As the supervisor starts them."""
    with listen(HOST, 0) as listener, ExitStack() as stack:
        workers, counts = [WorkerProcess() for _ in range(size)], Counts.of(size)
        stack.callback(counts.close)
        for each in workers:
            stack.callback(each.reap, float("inf"))
        for place, each in enumerate(workers):
            stack.callback(each.let_go)
            each.serve(listener, environment(settings), Share(counts, place) if size > 1 else None)
        for each in workers:
            each.lifeline.settimeout(READY_SECONDS)
            assert each.lifeline.recv(1), "a worker did not start"
        yield Crew(listener.getsockname()[1], [each.process.pid for each in workers], counts)


def _measured(crew: Crew, work: Work, stores: Sequence[int]) -> Sample:
    began, share = list[float](), 1.0

    def spent() -> list[float]:
        return [cpu_seconds(pids) for pids in (*([pid] for pid in crew.pids), stores)]

    def begin() -> None:
        nonlocal share
        began.extend(spent())
        share = crew.largest_share

    job = Job(crew.port, EACH * len(crew.pids), SECONDS, work.requests[NAME], warm=WARM_SECONDS, patient=KNOWN)
    outcome = run(job, begin)
    *workers, stored = [(after - before) / outcome.answers for before, after in zip(began, spent(), strict=True)]
    load = outcome.busy * outcome.seconds / outcome.answers
    return Sample(outcome.answers / outcome.seconds, share, sum(workers), max(workers), stored, load)


def _row(name: str, samples: Sequence[tuple[Sample, Sample]]) -> list[str]:
    ones, twos = zip(*samples, strict=True)
    return [
        name,
        _spread([1000 * each.all for each in ones], " ms"),
        _spread([1000 * each.all for each in twos], " ms"),
        _spread([1000 * each.busiest for each in twos], " ms"),
        _spread([one.all / (two.all * two.share) for one, two in samples], "x"),
        _spread([one.all / two.busiest for one, two in samples], "x"),
        _spread([two.rate / one.rate for one, two in samples], "x"),
        _spread([100 * each.all / (each.all + each.stores + each.load) for each in twos], " %"),
    ]


def _bound(ceilings: Sequence[Ceiling]) -> list[str]:
    alone, beside = ([of(each) for each in ceilings] for of in (attrgetter("alone"), attrgetter("beside")))
    capacity = _spread([each.capacity for each in ceilings], "x")
    return ["programs that share nothing", _spread(alone, " ms"), _spread(beside, " ms"), "", capacity, "", "", ""]


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.3g}{unit} ({min(values):.3g} to {max(values):.3g})"


def _settings(served: Served, stores: EmbeddedStores) -> Settings:
    return unlimited(
        served,
        stores,
        log_level="warning",  # what they log goes to the terminal
        search_seconds=0,
        usage_seconds=0,
    )
