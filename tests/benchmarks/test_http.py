"""Requests through GraphQL beside the same requests to an endpoint by hand, plain Strawberry, and servers on Node.

`make bench ARGS="-k http_requests"`; `BENCH_ROUNDS` and `BENCH_SECONDS` (of each round) make it longer or shorter, and
with `BENCH_CONNECTIONS=32` there are so many connections only. All serve at once, each as one process on the same
stores and data, and are kept busy by turns. Before anything is measured all give the same answers, value for value: to
the same token, whose signature each of them has verified, after the same decisions on the conversation, its messages
and their metadata, to the same people and not to others. What each of them leaves out stands in its own file.

Only what requests cost is measured: what a worker does by itself (indexing for search, tallies of usage) is off.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest

from api.cli.serve import environment
from api.settings import Settings
from models.embedded import EmbeddedStores
from tests.benchmarks import works
from tests.benchmarks.node import NodeServers, NoNodeError
from tests.benchmarks.report import Table, publish
from tests.benchmarks.rounds import CPU, P50, P99, RATE, Contender, Rounds, alternate, in_short, medians, ratios, warm
from tests.benchmarks.servers import Server, serving, unlimited
from tests.benchmarks.works import BY_HAND, Work
from tests.served import QUIET, Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "2"))
CONNECTIONS: Final = tuple(map(int, os.environ.get("BENCH_CONNECTIONS", "1,32").split(",")))
TOKEN_SECONDS: Final = 3600
PARLEY: Final = "Parley"
ON_PYTHON: Final = {
    PARLEY: "api.worker",
    BY_HAND: "tests.benchmarks.handwritten",
    "Strawberry, caches": "tests.benchmarks.cached_strawberry",
    "Strawberry": "tests.benchmarks.plain_strawberry",
}
FORGETFUL: Final = "Parley, keeping nothing"
"""The same with what is kept of pages turned off: what one costs that did not come before."""
ON_NODE: Final = {"Apollo Server": "apollo.mjs", "Mercurius, JIT": "mercurius.mjs"}
"""They only read: an append is two hundred lines of conditions and repairs, and half of it would be a smaller thing."""
OTHERS: Final = ("root", "admin", "sara", "john", "bob", "guest")
READERS: Final = frozenset({"root", "admin", "sara"})
"""Who of the others may read hers, by three different rules."""
NODE_PACKAGES: Final = ("@apollo/server", "mercurius", "graphql-jit", "graphql", "fastify", "mongodb", "jose")


@dataclass(frozen=True)
class Field:
    """Who serves, by name, ours first; and what is to be said of those who do or don't."""

    servers: dict[str, Server] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def contenders(self, work: Work) -> list[Contender]:
        """Who does `work`."""
        return [
            Contender(name, server, work.requests[name])
            for name, server in self.servers.items()
            if name in work.requests
        ]


async def test_http_requests_are_measured_beside_those_of_others(
    served: Served, stores: EmbeddedStores, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    served.services.authentication.accounts.tokens.lifetime = TOKEN_SECONDS
    alice = await served.as_("alice")
    everybody = [*ON_PYTHON, *ON_NODE]
    conversation, *others = [await works.planted(served, alice) for _ in range(max(CONNECTIONS))]
    asked = [
        works.page(conversation, alice, [*everybody, FORGETFUL], *others),
        works.me(alice, everybody),
        await works.append(served, alice, ON_PYTHON, max(CONNECTIONS)),
    ]
    with _serving(_settings(served, stores), tmp_path, pytestconfig) as contenders:
        for work in asked:
            _require_equal(await work.answers(contenders.servers), given=True)
        for name in OTHERS:
            work = works.page(conversation, await served.as_(name), [*everybody, FORGETFUL])
            _require_equal(await work.answers(contenders.servers), given=name in READERS)
        _require_equal(await works.me(_forged(alice), everybody).answers(contenders.servers), given=False)
        measured = await asyncio.to_thread(_measured, asked, contenders, list(stores.pids().values()))
    _require_no_errors(tmp_path / f"{ON_PYTHON[PARLEY]}.log")
    publish("http", _tables(measured, contenders))
    publish("http_in_short", _in_short(measured, contenders), [_note(), *contenders.notes])


def _require_equal(answers: Mapping[str, Any], *, given: bool) -> None:
    """A baseline that gave another answer, or gave it to others, would measure something else."""
    first = answers[PARLEY]
    assert (first is not None) == given
    assert [name for name, answer in answers.items() if answer != first] == []


def _require_no_errors(log: Path) -> None:
    """What could not be compiled is executed all the same, and told of there: that would be somebody else's figure."""
    assert [line for line in log.read_text().splitlines() if '"level": "error"' in line][:3] == []


def _forged(caller: Caller) -> Caller:
    """With a token of which one character of the signature is another."""
    assert caller.token
    claims, _, signature = caller.token.rpartition(".")
    return replace(caller, token=f"{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")


Measured = Mapping[tuple[str, int], tuple[Sequence[str], Rounds]]
"""By what was asked for, and the number of connections: who was, and what came of it."""


def _measured(asked: Sequence[Work], contenders: Field, stores: Sequence[int]) -> Measured:
    found: dict[tuple[str, int], tuple[Sequence[str], Rounds]] = {}
    for work in asked:
        those = contenders.contenders(work)
        warm(those)
        for connections in CONNECTIONS:
            sys.stderr.write(f"\nmeasuring: {_title(work.name, connections)}")
            samples = alternate(those, stores, connections, ROUNDS, SECONDS)
            found[work.name, connections] = ([each.name for each in those], samples)
    return found


def _tables(measured: Measured, contenders: Field) -> list[Table]:
    """Each thing's figures, a column for each contender; and the ratios of ours to theirs."""
    full = [
        Table(f"{_title(*key)}: medians (lowest to highest)", ["", *names], medians(samples))
        for key, (names, samples) in measured.items()
    ]
    first, *others = contenders.servers
    ratio = [
        [f"{_title(*key)}: {figure}", *_under(others, names[1:], ratios(samples, figure))]
        for figure in (CPU, RATE)
        for key, (names, samples) in measured.items()
    ]
    return [*full, Table(f"{first}'s figure to each other's", ["", *(f"to {name}" for name in others)], ratio)]


def _in_short(measured: Measured, contenders: Field) -> list[Table]:
    """What matters most, for the README: medians, and in brackets the ratio of ours to that."""
    everybody = list(contenders.servers)
    return [
        Table(
            f"{figure[0].upper()}{figure[1:]} (and how many times that {everybody[0]} has)",
            ["", *everybody],
            [
                [_title(*key), *_under(everybody, names, in_short(samples, figure))]
                for key, (names, samples) in measured.items()
            ],
        )
        for figure in (CPU, RATE, P50, P99)
    ]


def _under(head: Sequence[str], names: Sequence[str], cells: Sequence[str]) -> list[str]:
    """The cells, each under its contender's name; who wasn't asked has none."""
    found = dict(zip(names, cells, strict=True))
    return [found.get(name, "-") for name in head]


def _title(name: str, connections: int) -> str:
    return f"{name}, {connections} connection{'s' if connections > 1 else ''}"


def _note() -> str:
    return (
        f"{ROUNDS} alternating rounds of {SECONDS:g} s, one process each on the same embedded stores; a ratio is the "
        "median of the rounds' ratios. CPU is user and system time of all threads of the contender's process. The "
        "stores and the load generator run on the same cores, so the requests a second are the machine's, not the "
        "server's; where the generator took near 100 % of a core it was the limit. Differences below 20 % are noise."
    )


@contextmanager
def _serving(settings: Settings, folder: Path, config: pytest.Config) -> Iterator[Field]:
    """Everybody who can be served here."""
    variables, found = environment(settings), Field()
    with ExitStack() as stack:
        nothing = variables | environment(settings.model_copy(update={"kept_page_bytes": 0}))
        for name, module in ON_PYTHON.items():
            found.servers[name] = stack.enter_context(serving(module, variables, folder / f"{module}.log"))
            if name == PARLEY:
                log = folder / "forgetful.log"
                found.servers[FORGETFUL] = stack.enter_context(serving(module, nothing, log))
        try:
            node = NodeServers.copy(folder / "node", config)
        except NoNodeError as missing:
            found.notes.append(f"Without {' and '.join(ON_NODE)}: {missing}.")
        else:
            for name, script in ON_NODE.items():
                server = stack.enter_context(node.serving(script, variables, found.servers[PARLEY]))
                found.servers[name] = server
            versions = ", ".join(f"{package} {node.version(package)}" for package in NODE_PACKAGES)
            found.notes.append(f"On Node {node.release}: {versions}; they have no appends.")
        yield found


def _settings(served: Served, stores: EmbeddedStores) -> Settings:
    return unlimited(
        served,
        stores,
        **QUIET,
        log_level="info",
        access_token_seconds=TOKEN_SECONDS,
    )
