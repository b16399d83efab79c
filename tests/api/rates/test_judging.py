"""To have a document judged that nobody has sent before is paid for in advance, whichever way it comes."""

import json
from dataclasses import replace
from typing import Final

from api.documents.bench import CHARACTERS as JUDGED
from tests.api.rates.test_served import LIMITS, ME, OVER, limit
from tests.api.test_socket_expiry import listening, opened
from tests.served import Served

LARGE: Final = "{ conversations(first: 10) { edges { node { messages(first: 50) { edges { node { id } } } } } } }"
"""It costs more than 1,000."""


async def test_no_document_is_judged_for_who_cannot_pay_for_that(served: Served, parsed: list[str]) -> None:
    """However many he sends."""
    limit(served)
    alice = await served.as_("alice")
    assert alice.token is not None
    flawed = [f"{{ nothing{number} }}" + " " * 300 * JUDGED for number in range(7)]
    for each in flawed[:5]:
        await alice.ask(each)
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "text/event-stream"}
    for each in flawed[5:]:
        await alice.http.post("/graphql", json={"query": each}, headers=headers)
    assert parsed == flawed[:3]


async def test_who_is_refused_for_that_is_told_when_to_come_back(served: Served) -> None:
    """Also where he has enough left for something small, of which less is left then."""
    rates = limit(served)
    alice = await served.as_("alice")
    flawed = "{ nothing }" + " " * 250 * JUDGED
    for _ in range(3):
        await alice.ask(flawed)
    left = int((await alice.ask(ME)).headers["ratelimit-remaining"])
    refused = await alice.ask(flawed)
    assert refused.codes == OVER
    assert int(refused.headers["retry-after"]) > 0
    assert refused.body["errors"][0]["extensions"]["retryAfter"] == int(refused.headers["retry-after"])
    assert int((await alice.ask(ME)).headers["ratelimit-remaining"]) == left - 2 * rates.limits.least


async def test_nor_is_it_on_a_socket_where_it_is_judged_before_it_is_known_what_it_is(
    served: Served, parsed: list[str]
) -> None:
    limit(served)
    alice = await served.as_("alice")
    assert alice.token is not None
    flawed = [f"{{ nothing{number} }}" + " " * 300 * JUDGED for number in range(5)]
    async with listening(served) as address, opened(address, alice.token) as client:
        for number, each in enumerate(flawed):
            sent = {"id": str(number), "type": "subscribe", "payload": {"query": each}}
            await client.send(json.dumps(sent))
            assert json.loads(await client.recv())["id"] == str(number)
    assert parsed == [flawed[0], flawed[0], flawed[1]]


async def test_a_document_that_nobody_has_sent_counts_as_much_as_it_takes_to_judge_it(served: Served) -> None:
    rates = limit(served, replace(LIMITS, budgets=100, budgets_address=1_000))
    alice = await served.as_("alice")

    async def counts(query: str) -> int:
        before = (await alice.ask(ME)).headers["ratelimit-remaining"]
        after = (await alice.ask(query)).headers["ratelimit-remaining"]
        return int(before) - int(after)

    small, large = ME + " " * 300 * JUDGED, LARGE + " " * 300 * JUDGED
    assert rates.limits.least == await counts(ME)
    cost = await counts(LARGE)
    assert cost > 300
    assert [await counts(small), await counts(small)] == [300 + len(ME) // JUDGED, rates.limits.least]
    assert [await counts(large), await counts(large)] == [cost, cost]
