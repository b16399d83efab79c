"""What a second worker adds on a second core. `make bench ARGS="-k workers"`.

The load generator and the stores run on the same cores, so that what is answered a second can't double, whoever
serves. Both are far away elsewhere, and a core is a worker's own. So the capacity is told by the workers' processor
time: of the one that has most to do, since the others can't help it. That counts what workers cost each other, and an
uneven sharing out of connections. What was answered a second stands beside it, and who took which part of the cores.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from api.cli.listening import listen
from api.cli.serve import environment
from api.settings import Settings
from api.supervisor import WorkerProcess
from models.embedded import EmbeddedStores
from tests.benchmarks.load import HOST, Job, run
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import READY_SECONDS, cpu_seconds, unlimited
from tests.benchmarks.works import Work, append, me, page, planted
from tests.served import Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "3"))
WARM_SECONDS: Final = 1.0
CONNECTIONS: Final = 64
NAME: Final = "Parley"


@dataclass(frozen=True)
class Crew:
    """Workers that accept from one socket."""

    port: int
    pids: Sequence[int]


@dataclass(frozen=True)
class Sample:
    """Of one round. Processor times in seconds a request: of all workers, of the busiest, of stores, of the load."""

    rate: float
    all: float
    busiest: float
    stores: float
    load: float


async def test_a_second_worker_on_a_second_core(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    conversation = await planted(served, alice)
    works = [me(alice, [NAME]), page(conversation, alice, [NAME]), await append(served, alice, [NAME], CONNECTIONS)]
    pids, rows = list(stores.pids().values()), list[list[str]]()
    with _crew(_settings(served, stores), 1) as one, _crew(_settings(served, stores), 2) as two:
        for work in works:
            for crew in (one, two):
                _measured(crew, work, pids, WARM_SECONDS)
            turns = [(one, two) if number % 2 == 0 else (two, one) for number in range(ROUNDS)]
            taken = [{crew.port: _measured(crew, work, pids, SECONDS) for crew in turn} for turn in turns]
            rows.append(_row(work.name, [(each[one.port], each[two.port]) for each in taken]))
    head = ["", "CPU a request, one", "of both", "of the busier", "capacity", "answered a second", "workers' part"]
    note = (
        f"Medians (lowest to highest) of {ROUNDS} rounds of {SECONDS:g} s in turns, {CONNECTIONS} connections. "
        "Capacity: one worker's processor time a request, to that of the busier of two. Beside it, how much more was "
        "answered on cores that the load and the stores use, too, and what part of them was left to two workers."
    )
    publish("workers", [Table("A second worker on a second core", head, rows)], [note])


@contextmanager
def _crew(settings: Settings, size: int) -> Iterator[Crew]:
    """As the supervisor starts them."""
    with listen(HOST, 0) as listener, ExitStack() as stack:
        workers = [WorkerProcess() for _ in range(size)]
        for each in workers:
            stack.callback(each.reap, float("inf"))
        for each in workers:
            stack.callback(each.let_go)
            each.serve(listener, environment(settings))
        for each in workers:
            each.lifeline.settimeout(READY_SECONDS)
            assert each.lifeline.recv(1), "a worker did not start"
        yield Crew(listener.getsockname()[1], [each.process.pid for each in workers])


def _measured(crew: Crew, work: Work, stores: Sequence[int], seconds: float) -> Sample:
    began, stored = [cpu_seconds([pid]) for pid in crew.pids], cpu_seconds(stores)
    outcome = run(Job(crew.port, CONNECTIONS, seconds, work.requests[NAME]))
    spent = [cpu_seconds([pid]) - before for pid, before in zip(crew.pids, began, strict=True)]
    each = 1 / outcome.answers
    load = outcome.busy * outcome.seconds
    rate = outcome.answers / outcome.seconds
    return Sample(rate, sum(spent) * each, max(spent) * each, (cpu_seconds(stores) - stored) * each, load * each)


def _row(name: str, samples: Sequence[tuple[Sample, Sample]]) -> list[str]:
    ones, twos = zip(*samples, strict=True)
    return [
        name,
        _spread([1000 * each.all for each in ones], " ms"),
        _spread([1000 * each.all for each in twos], " ms"),
        _spread([1000 * each.busiest for each in twos], " ms"),
        _spread([one.all / two.busiest for one, two in samples], "x"),
        _spread([two.rate / one.rate for one, two in samples], "x"),
        _spread([100 * each.all / (each.all + each.stores + each.load) for each in twos], " %"),
    ]


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
