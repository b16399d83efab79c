"""What a second worker adds on a second core. `make bench ARGS="-k workers"`.

The load generator and the stores run on the same cores as the workers, which they would not elsewhere. So one worker
has one core, with all of them, and two workers have two: what each worker shares its core with is the same, and the
second core is all that differs. (Were one worker measured on both cores it would have one of them for itself, and its
caches, which neither of two ever has.) Which core it is changes with the rounds.

Capacity is told by the workers' processor time, and by the one that holds most connections, since the others can't
help it. That counts what workers cost each other, and an uneven sharing out of connections. Beside it stands what the
busier one took here: where it shares its core with less it answers sooner, is asked sooner, and has more to do than
its connections are. So does what was answered a second, and who took which part of the cores.

Where load and stores are elsewhere they interrupt no worker. Here an answer wakes who waits for it, who would take the
core from the worker that gave it, and its processor time a request would say how often it was interrupted. So load and
stores are patient (`SCHED_BATCH`): they run when it is their turn, and never because they were woken.

Both crews have as many connections to a worker, with conversations of their own: what a worker foretells of a
conversation to which another crew has appended is wrong. A connection stays with its worker, and its conversation with
the connection, from the warming up on. It leaves out what people do who have two devices on two workers, what the
stores can do (they are asked for by as many calls a request), and networks.

Each round also has programs that share nothing, of which two can't but have twice what one has, if the machine gives
it: two workers can't have more than that.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import attrgetter
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
from tests.benchmarks.scheduling import KNOWN, confined, patient
from tests.benchmarks.servers import READY_SECONDS, cpu_seconds, unlimited
from tests.benchmarks.works import Work, append, me, page, planted
from tests.served import Caller, Served

CORES: Final = sorted(os.sched_getaffinity(0))[:2] if KNOWN else []
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not KNOWN, reason="Linux alone keeps processes to their cores, and tells what they took"),
    pytest.mark.skipif(len(CORES) < 2, reason="there is one core"),
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


@dataclass(frozen=True)
class Round:
    """Of each work what one worker did and what two did, and what programs that share nothing had."""

    samples: Sequence[tuple[Sample, Sample]]
    ceiling: Ceiling


async def test_a_second_worker_on_a_second_core(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    conversation = await planted(served, alice)
    pairs = [await _works(served, alice, conversation) for _ in range(2)]
    pids, settings = list(stores.pids().values()), _settings(served, stores)
    with patient(pids), _crew(settings, 1) as one, _crew(settings, 2) as two:
        taken = [_round((one, two), pairs, pids, number) for number in range(ROUNDS)]
    samples = zip(*(each.samples for each in taken), strict=True)
    rows = [_row(work.name, each) for work, each in zip(pairs[0], samples, strict=True)]
    rows.append(_bound([each.ceiling for each in taken]))
    head = ["", "CPU a request, one", "of both", "of the busier"]
    head += ["capacity", "by the busier", "answered a second", "workers' part"]
    note = (
        f"Medians (lowest to highest) of {ROUNDS} rounds of {SECONDS:g} s in turns, {EACH} connections to a worker. "
        "One worker shares one core with load and stores, two share two. "
        "Capacity: one worker's processor time a request, to that of the one of two that holds more connections, for "
        "its part of them. Beside it the same of the one that had most to do here; how much more was answered; and "
        "what part of the cores was left to two workers. Load and stores preempted nobody."
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


def _round(crews: Sequence[Crew], pairs: Sequence[Sequence[Work]], stores: Sequence[int], number: int) -> Round:
    """All works of both crews, by turns who begins, and what the machine gives meanwhile."""
    turn = 1 if number % 2 == 0 else -1
    cores = ([CORES[number // 2 % 2]], CORES)
    samples = []
    for works in zip(*pairs, strict=True):
        contenders = [*zip(crews, works, cores, strict=True)]
        one, two = [_measured(*each, stores) for each in contenders[::turn]][::turn]
        samples.append((one, two))
    return Round(samples, measured(SECONDS))


def _measured(crew: Crew, work: Work, cores: Sequence[int], stores: Sequence[int]) -> Sample:
    began, share = list[float](), 1.0

    def spent() -> list[float]:
        return [cpu_seconds(pids) for pids in (*([pid] for pid in crew.pids), stores)]

    def begin() -> None:
        nonlocal share
        began.extend(spent())
        share = crew.largest_share

    job = Job(crew.port, EACH * len(crew.pids), SECONDS, work.requests[NAME], warm=WARM_SECONDS, patient=True)
    with confined([*crew.pids, *stores], cores):
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
