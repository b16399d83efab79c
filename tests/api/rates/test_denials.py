"""What somebody is denied counts as much as it takes to write down: guesses don't fill the audit log."""

import re
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final

import orjson
import pytest
from bson import ObjectId

from api.contexts import proven_by
from api.fanout.questions import Question
from api.fanout.rendering import Renderer
from api.prepared import Prepared, named
from api.response_streams import settled
from api.schema import build_schema
from permissions.audit.forgone import FORGONE
from permissions.authn.principal import Client
from permissions.engine.facts import Resource
from resolvers.chat.events import ResyncRequired
from resolvers.errors import TooFastError
from resolvers.ids import encode
from tests.api.authzen.conftest import question, service
from tests.api.rates.test_served import LIMITS, OVER, limit, used_up
from tests.resolvers.admin.test_audit import stored
from tests.resolvers.chat.documents import chat
from tests.served import Caller, Served

NODES: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
FOLLOW: Final = 'subscription { conversationEvents(conversationId: "any") { cursor } }'
CHANGE: Final = """mutation ($mine: ID!, $other: ID!) {
  updateConversation(input: {conversationId: $mine, title: "renamed"}) { conversation { title } }
  deleteConversation(input: {conversationId: $other}) { conversationId } }"""
CLOSED: Final = """mutation { putPolicy(input: {name: "closed", effect: DENY,
  actions: ["message:append", "conversation:create"]}) { policy { name } } }"""


async def denials(served: Served, kind: str = "decision") -> list[Any]:
    await served.services.audit.flush()
    return [each for each in await stored(served) if each["kind"] == kind]


async def forgone(served: Served, caller: Caller | None = None) -> int:
    """How many denials nobody was told of, as the log has it: in one record, or more where it was written meanwhile."""
    records = await denials(served, FORGONE)
    assert records
    assert caller is None or {each["by"] for each in records} == {str(caller.user and caller.user.id)}
    return sum(int(number) for each in records for number in re.findall(r"\d+", each["reason"]))


def guesses(number: int) -> list[str]:
    return [encode("Conversation", ObjectId()) for _ in range(number)]


def left(answer: Any) -> int:
    return int(answer.headers["ratelimit-remaining"])


async def test_what_is_hidden_counts_as_what_never_was(served: Served) -> None:
    limit(served, replace(LIMITS, denial=70))
    hidden, _ = await chat(await served.as_("alice"), 1)
    bob, tell = await served.as_("bob"), "query ($id: ID!) { conversation(id: $id) { id } }"
    answers = [await bob.ask(tell, id=each) for each in (hidden, *guesses(1), hidden)]
    assert [answer.body for answer in answers] == [{"data": {"conversation": None}}] * 3
    steps = [left(one) - left(other) for one, other in pairwise(answers)]
    assert steps == [120, 120]
    names = [sorted(answer.headers.keys()) for answer in answers]
    assert names[0] == names[1]
    headers = {"Authorization": f"Bearer {bob.token}"}
    file = await bob.http.get(f"/attachments/{encode('Attachment', ObjectId())}", headers=headers)
    assert left(answers[-1]) - left(file) == 120


async def guess(caller: Caller, number: int) -> int:
    """How many of that many guesses were answered."""
    answer = await caller.ask(NODES, ids=guesses(number))
    if answer.codes:
        assert (answer.codes, answer.body.get("data")) == (OVER, None)
        assert int(answer.headers["retry-after"]) > 0
        return 0
    assert answer.data["nodes"] == [None] * number
    return number


async def test_no_more_is_written_down_than_was_paid_for_and_nobody_is_told_of_the_rest(served: Served) -> None:
    limit(served, replace(LIMITS, budgets=20, budgets_address=100, denial=200))
    bob = await served.as_("bob")
    told = sum([await guess(bob, 30) for _ in range(8)])
    assert 0 < told <= 20_000 // 200
    assert len(await denials(served)) == told
    assert await forgone(served, bob) % 30 == 0
    assert (await (await served.as_("alice")).ask("{ me { id } }")).codes == []


async def test_what_was_changed_is_told_however_much_was_denied_beside_it(served: Served) -> None:
    limit(served, replace(LIMITS, denial=100_000))
    alice = await served.as_("alice")
    mine, _ = await chat(alice, 0)
    answer = await alice.ask(CHANGE, mine=mine, other=guesses(1)[0])
    assert answer.codes == ["NOT_FOUND"]
    assert len(await denials(served)) == 1
    assert (await alice.ask("{ me { id } }")).codes == []


async def test_denials_may_be_free(served: Served) -> None:
    limit(served, replace(LIMITS, denial=0))
    assert await guess(await served.as_("bob"), 30) == 30


async def test_what_a_service_is_told_counts_for_it_and_no_more_is_written_down(served: Served) -> None:
    limit(served, replace(LIMITS, budgets=20, budgets_address=100, denial=200))
    pdp = await service(served, "billing", "policy_decision_client")
    nobody = question(encode("User", ObjectId()), "message:read", "message", encode("Conversation", ObjectId()))
    told, body = 0, {"evaluations": [nobody] * 30}
    for _ in range(8):
        answer = await pdp.post("evaluations", body)
        assert answer.status_code in (200, 429)
        told += len(answer.json()["evaluations"]) if answer.status_code == 200 else 0
    assert (answer.status_code, "decision" in answer.text) == (429, False)
    assert 0 < told <= 20_000 // 200
    assert len(await denials(served)) == told
    assert await forgone(served) % 30 == 0


@pytest.mark.parametrize("path", ["/attachments", "/import?format=parley", "/access/v1/evaluation"])
async def test_who_may_not_at_all_writes_down_what_he_pays_for(served: Served, path: str) -> None:
    assert (await (await served.as_("root")).ask(CLOSED)).codes == []
    limit(served, replace(LIMITS, denial=330))
    headers = {"Authorization": f"Bearer {(await served.as_('bob')).token}"}
    statuses = [(await served.http.post(path, content=b"{}", headers=headers)).status_code for _ in range(12)]
    assert statuses == sorted(statuses)
    assert set(statuses) == {403, 429}
    assert len(await denials(served)) == statuses.count(403)
    assert await forgone(served) > 0


async def test_denials_of_an_event_count_and_who_can_not_pay_is_not_told_of_them(served: Served) -> None:
    limit(served, replace(LIMITS, denial=300))
    bob = await served.as_("bob")
    context = await proven_by(f"Bearer {bob.token}", served.app.state.services, Client(), SimpleNamespace())
    wrong = []
    for number in range(5):
        context.access.decide("report:delete", Resource("report", str(number)))
        wrong.append(await settled(context, None))
    assert wrong[:3] == [None] * 3
    assert [type(each.original_error) for each in wrong if each is not None] == [TooFastError] * 2
    assert len(await denials(served)) == 3
    assert await forgone(served) > 0
    assert (await bob.ask("{ me { id } }")).codes == OVER


@pytest.mark.parametrize("poor", [0, 1, 2])
async def test_a_denial_in_a_shared_answer_is_paid_for_by_who_can_or_told_to_nobody(served: Served, poor: int) -> None:
    limit(served, replace(LIMITS, denial=300))
    bob, alice, schema = await served.as_("bob"), await served.as_("alice"), build_schema()
    contexts = [
        await proven_by(f"Bearer {each.token}", served.app.state.services, Client(), SimpleNamespace())
        for each in (bob, alice)
    ]
    for each in (bob, alice)[:poor]:
        await used_up(each)
    document = schema.sound(FOLLOW)
    operation = Prepared(schema, FOLLOW, document, named(document, None))
    contexts[0].access.decide("report:delete", Resource("report", "1"))
    event = ResyncRequired(cursor="1", reason="late")
    told = orjson.loads(await Renderer(schema).render(contexts[0], Question(operation, {}, None), event, contexts[1:]))
    if poor < 2:
        assert told == {"data": {"conversationEvents": {"cursor": "1"}}}
        assert len(await denials(served)) == 1
        assert left(await alice.ask("{ me { id } }")) == 950 - 300 * poor
    else:
        assert told["data"] is None
        assert told["errors"][0]["extensions"]["code"] == OVER[0]
        assert await denials(served) == []
        assert await forgone(served, bob) == 1
