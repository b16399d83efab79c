"""Contenders measured in alternating rounds, so that whatever else the machine does hits all of them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks.load import Job, run
from tests.benchmarks.servers import Server, cpu_seconds

WARM_SECONDS: Final = 4.0
"""Node's compiler has seen thousands of requests by then."""
WARM_CONNECTIONS: Final = 8


@dataclass(frozen=True)
class Contender:
    """A server, and how it is asked."""

    name: str
    server: Server
    requests: Sequence[str]


@dataclass(frozen=True)
class Sample:
    """What one contender did in one round. Times in milliseconds; `load` in % of a core."""

    rate: float
    cpu: float
    loop: float
    """Of it the main thread's."""
    p50: float
    p99: float
    stores: float
    load: float


Rounds = Sequence[Sequence[Sample]]
"""By round, and in it by contender."""
CPU: Final = "CPU a request, ms"
RATE: Final = "requests a second"
P50: Final = "p50, ms"
P99: Final = "p99, ms"
FIGURES: Final[Mapping[str, Callable[[Sample], float]]] = {
    CPU: lambda sample: sample.cpu,
    RATE: lambda sample: sample.rate,
    P50: lambda sample: sample.p50,
    P99: lambda sample: sample.p99,
    "the stores' CPU a request, ms": lambda sample: sample.stores,
    "the load generator, % of a core": lambda sample: sample.load,
}


def measure(contender: Contender, stores: Sequence[int], connections: int, seconds: float) -> Sample:
    """Keep a server busy for a while. `stores` are the process numbers of those that all contenders share."""
    server = contender.server

    def spent() -> tuple[float, float, float]:
        return server.cpu_seconds(), server.loop_seconds(), cpu_seconds(stores)

    before = spent()
    outcome = run(Job(server.port, connections, seconds, contender.requests))
    cpu, loop, shared = (1000 * (end - start) / outcome.answers for start, end in zip(before, spent(), strict=True))
    rate = outcome.answers / outcome.seconds
    return Sample(rate, cpu, loop, outcome.p50, outcome.p99, shared, outcome.busy * 100)


def warm(contenders: Sequence[Contender]) -> None:
    """Have each do the work for a while, before anything is measured."""
    for contender in contenders:
        run(Job(contender.server.port, WARM_CONNECTIONS, WARM_SECONDS, contender.requests))


def alternate(
    contenders: Sequence[Contender], stores: Sequence[int], connections: int, rounds: int, seconds: float
) -> Rounds:
    """Samples by round, in the order of `contenders`; who goes first changes from round to round."""
    samples: list[list[Sample]] = []
    for number in range(rounds):
        turn = 1 if number % 2 == 0 else -1
        taken = [measure(contender, stores, connections, seconds) for contender in contenders[::turn]]
        samples.append(taken[::turn])
    return samples


def medians(samples: Rounds) -> list[list[str]]:
    """A row for each figure: each contender's median, with its spread."""
    return [[figure, *map(_spread, _columns(samples, figure))] for figure in FIGURES]


def ratios(samples: Rounds, figure: str) -> list[str]:
    """The first contender's figure to each other's: the medians, and the spread, of the rounds' ratios."""
    ours, *others = _columns(samples, figure)
    return [_spread([one / other for one, other in zip(ours, theirs, strict=True)]) for theirs in others]


def in_short(samples: Rounds, figure: str) -> list[str]:
    """Each contender's median; of the others with the median of the rounds' ratios."""
    ours, *others = _columns(samples, figure)
    theirs = [
        f"{_shown(median(column))} ({median(one / other for one, other in zip(ours, column, strict=True)):.2f})"
        for column in others
    ]
    return [_shown(median(ours)), *theirs]


def _columns(samples: Rounds, figure: str) -> list[list[float]]:
    of = FIGURES[figure]
    return [[of(sample) for sample in column] for column in zip(*samples, strict=True)]


def _spread(values: Sequence[float]) -> str:
    return f"{_shown(median(values))} ({_shown(min(values))} to {_shown(max(values))})"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"
