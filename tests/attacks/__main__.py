"""`make attack`: all lists of attacks against a served demo; prints each, and 1 if one is not answered as listed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final

import httpx

from tests.attacks.injecting import injections
from tests.attacks.running import MOST_SECONDS, Attacker, Result, timed
from tests.benchmarks.report import Table, publish
from tests.demos import UNBOUNDED, Demo, demo, interruptible
from tests.fuzz.judging import Judge

PATIENCE_SECONDS: Final = 60
HEAD: Final = ("", "answer", "code", "ms", "of the worker's processor", "wrong")


async def attacked(served: Demo) -> dict[str, list[Result]]:
    """Results by list."""
    judge = Judge.here(served.secret, str(served.parley.directory))
    async with httpx.AsyncClient(base_url=served.server.url, timeout=PATIENCE_SECONDS, verify=False) as http:
        attacker = Attacker(served, judge, http)
        lists: dict[str, Callable[[], AsyncIterator[Result]]] = {
            "Documents": attacker.documents,
            "HTTP": attacker.requests,
            "WebSocket frames": attacker.frames,
            "Tokens": attacker.tokens,
            "Injection": partial(injections, served, judge, http, served.person("root")),
        }
        return {name: [result async for result in timed(served, each())] for name, each in lists.items()}


def table(name: str, results: Sequence[Result]) -> Table:
    """As it is shown."""
    rows = [
        [each.attack, each.answer, each.code, _ms(each.seconds), _ms(each.processor or 0.0), each.wrong]
        for each in results
    ]
    return Table(name, HEAD, rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def main() -> int:
    """The exit status."""
    interruptible()
    with demo(1, LOG_LEVEL="warning", **UNBOUNDED) as served:
        served.person("root")
        served.person("alice")
        results = asyncio.run(attacked(served))
        logged = [
            line for line in served.server.output.splitlines() if '"level": "error"' in line or "Traceback" in line
        ]
    wrong = [each for one in results.values() for each in one if each.wrong]
    tables = [table(name, one) for name, one in results.items()]
    count = sum(map(len, results.values()))
    publish(
        "attack", tables, [f"{count} attacks, {len(wrong)} not answered as listed; {len(logged)} errors in the log."]
    )
    for name, one in results.items():
        slow = [each for each in one if (each.processor or 0.0) > MOST_SECONDS]
        most = max((each.processor or 0.0 for each in one), default=0.0)
        sys.stdout.write(f"{name}: {len(one):,}, {_ms(most)} ms of the processor at most; {len(slow)} over 50 ms")
        sys.stdout.write("".join(f"\n  {each.attack}: {_ms(each.processor or 0.0)} ms" for each in slow) + "\n")
    for line in logged:
        sys.stdout.write(line + "\n")
    for each in wrong:
        sys.stdout.write(f"{each.attack}: {each.answer} {each.code}: {each.wrong}\n")
    return 1 if wrong or logged else 0


if __name__ == "__main__":
    sys.exit(main())
