"""Whether two outcomes are the same, as far as graphql-core promises one.

Where two resolvers wait, which of them fails first is a race, and with it in which order errors stand, which of several
reasons takes a parent along, and what is not looked at any more. What is no race is found out by having graphql-core
execute it several times with its resolvers disturbed: what is the same in all of them must be the same here.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from tests.differential.cases import Case
from tests.differential.executing import Executors, disturbed
from tests.differential.outcomes import Outcome

DISTURBED: Final = 8
LATE_SECONDS: Final = (0.01, 0.05, 0.2)
"""What a store may take longer for one than for another: the more of them are tried, the less it looks like a race."""
AGAIN: Final = 3
SEQUENCES: Final = ("errors", "denied", "allowed")


@dataclass
class Verdict:
    """`faults`: what differs and may not. `raced`: whether something differs that is a race, or a cache's doing."""

    core: Outcome
    compiled: Outcome
    faults: list[str] = field(default_factory=list)
    raced: bool = False


async def compare(executors: Executors, case: Case, *, compiled_first: bool = False) -> Verdict:
    """Execute it twice; more often where the two are not the same."""
    if compiled_first:
        compiled = await executors.compiled(case)
        core = await executors.by_core(case)
    else:
        core = await executors.by_core(case)
        compiled = await executors.compiled(case)
    if not core.differences(compiled):
        return Verdict(core, compiled)
    return await _looked_into(executors, case)


async def _looked_into(executors: Executors, case: Case) -> Verdict:
    """What the first two have filled caches with, all of these find there."""
    plain = [await executors.by_core(case) for _ in range(2)]
    compiled = [await executors.compiled(case) for _ in range(AGAIN)]
    verdict = Verdict(plain[0], compiled[0], raced=True)
    if not any(plain[0].differences(each) for each in compiled):
        return verdict
    others = [await executors.by_core(case, by=disturbed(number)) for number in range(DISTURBED)]
    free = await executors.by_core(case, propagates=False)
    fewest = min(len(each.calls) for each in compiled)  # how many are sent together is a matter of milliseconds

    def first_fault() -> Verdict | None:
        found = ((each, list(_faults(each, plain, others, free, fewest))) for each in compiled)
        return next((Verdict(plain[0], each, faults, raced=True) for each, faults in found if faults), None)

    fault = first_fault()
    for number, latest in enumerate(LATE_SECONDS, start=1):
        if fault is None or not plain[0].calls:
            break
        # Of two that wait for stores either may be the first, which some turns of the event loop seldom show.
        seeds = range(number * DISTURBED, (number + 1) * DISTURBED)
        others += [await executors.by_core(case, by=disturbed(seed, latest)) for seed in seeds]
        fault = first_fault()
    return fault or verdict


def _faults(
    compiled: Outcome, plain: list[Outcome], others: list[Outcome], free: Outcome, fewest: int
) -> Iterator[str]:
    every = [*plain, *others]
    cut_short = plain[0].data != free.data  # an error took a parent along: what was beside it need not have been begun
    if compiled.data not in {each.data for each in every}:
        yield "data"
    if compiled.extensions not in {each.extensions for each in every}:
        yield f"extensions: {compiled.extensions}, and not {plain[0].extensions}"
    for name in SEQUENCES:
        samples = [getattr(each, name) for each in every] + ([()] if cut_short and name == "allowed" else [])
        for fault in unexplained(getattr(compiled, name), samples, getattr(free, name)):
            yield f"{name}: {fault}"
    most = max(len(each.calls) for each in (every if plain[0].errors else plain))
    if fewest > most:
        yield f"calls: {fewest} to the database, and not {most} at most"
    # What is abandoned may have been counted by then, or not: all of it, at most.
    counted = sorted({each.counted for each in every} | ({free.counted} if cut_short else set()))
    if not (0 if cut_short else counted[0]) <= compiled.counted <= counted[-1]:
        yield f"counted: {compiled.counted} bytes, and not {counted}"


def unexplained(
    seen: Sequence[Hashable], samples: Iterable[Sequence[Hashable]], free: Sequence[Hashable] = ()
) -> list[str]:
    """What of a sequence no race explains: `samples` are those that were, `free` all that can be in one."""
    samples = list(samples)
    counts = [Counter(each) for each in samples]
    must, may = counts[0], Counter(free)
    for each in counts:
        must, may = must & each, may | each
    found = Counter(seen)
    faults = [f"{key} is missing" for key in must - found] + [f"{key} is too much" for key in found - may]
    once = [key for key, number in found.items() if number == 1 and must[key] == 1]
    for one, other in combinations(sorted(once, key=list(seen).index), 2):
        if all(list(each).index(one) > list(each).index(other) for each in samples):
            faults.append(f"{one} stands before {other}")
    return faults
