"""Rounds that alternate between contenders, so that whatever else the machine does hits all of them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.benchmarks.load import Job, run
from tests.benchmarks.servers import Server

WARM_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Contender:
    """A server, and how it is asked."""

    server: Server
    requests: Sequence[str]


@dataclass(frozen=True)
class Sample:
    """What one contender did in one round. Times in milliseconds."""

    rate: float
    cpu: float
    p50: float
    p99: float


FIGURES: Final[Mapping[str, Callable[[Sample], float]]] = {
    "requests a second": lambda sample: sample.rate,
    "CPU a request, ms": lambda sample: sample.cpu,
    "p50, ms": lambda sample: sample.p50,
    "p99, ms": lambda sample: sample.p99,
}


def measure(contender: Contender, connections: int, seconds: float) -> Sample:
    """Keep a server busy for a while."""
    before = contender.server.cpu_seconds()
    outcome = run(Job(contender.server.port, connections, seconds, contender.requests))
    cpu = contender.server.cpu_seconds() - before
    return Sample(outcome.answers / outcome.seconds, cpu / outcome.answers * 1000, outcome.p50, outcome.p99)


def alternate(
    contenders: Sequence[Contender], connections: int, rounds: int, seconds: float
) -> list[tuple[Sample, ...]]:
    """Samples by round, in the order of `contenders`; who goes first changes from round to round."""
    for contender in contenders:
        measure(contender, connections, WARM_SECONDS)
    samples: list[tuple[Sample, ...]] = []
    for number in range(rounds):
        turn = 1 if number % 2 == 0 else -1
        taken = [measure(contender, connections, seconds) for contender in contenders[::turn]]
        samples.append(tuple(taken[::turn]))
    return samples


def rows(name: str, samples: Sequence[tuple[Sample, ...]]) -> list[list[str]]:
    """Medians with their spread, and the first contender's ratio to the last: the median of the rounds' ratios."""
    found: list[list[str]] = []
    for figure, of in FIGURES.items():
        columns = [[of(sample) for sample in column] for column in zip(*samples, strict=True)]
        ratios = [first / last for first, last in zip(columns[0], columns[-1], strict=True)]
        found.append([f"{name}: {figure}", *map(_spread, columns), f"{median(ratios):.2f}x"])
    return found


def _spread(values: Sequence[float]) -> str:
    return f"{_shown(median(values))} ({_shown(min(values))} to {_shown(max(values))})"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
