"""Each attack of the list gets its answer, and no processor."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from graphql import GraphQLError

from api.schema import build_schema
from tests.api.documents.test_limits import judged
from tests.attacks.documents import ATTACKS, Attack

SCHEMA = build_schema()
CPU_SECONDS = 0.05
"""An attack may take so long, whoever else is at work: it is time of the processor, and the least of all tries."""
TRIES = 25
"""At most. A machine's other guests slow it down to half for longer than five of them take."""


@contextmanager
def without_collecting() -> Iterator[None]:
    """All that the tests have made would be looked through for garbage; a server freezes what it starts with."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_answered_at_once(attack: Attack) -> None:
    least, errors = 1.0, list[GraphQLError]()
    for _ in range(TRIES):
        if least < CPU_SECONDS:
            break
        with without_collecting():
            started = time.process_time()
            errors = await judged(SCHEMA, attack.document, dict(attack.variables))
            least = min(least, time.process_time() - started)
    codes = [(error.extensions or {})["code"] for error in errors]
    assert codes[:1] == ([attack.code] if attack.code else codes[:1])
    assert len(codes) <= 21
    assert least < CPU_SECONDS, f"{least * 1000:.0f} ms"


async def test_others_pass_between_the_steps_of_judging_a_document() -> None:
    steps: list[str] = []
    asked = asyncio.ensure_future(judged(SCHEMA, "{ " + "__typename " * 40 + "nothingOfThisName }"))
    while not asked.done():
        steps.append("passed")
        await asyncio.sleep(0)
    assert len(steps) == 2, "in one go nobody comes between"
    assert asked.result()
