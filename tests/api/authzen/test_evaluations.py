"""Many questions at once."""

from typing import Any

import pytest

from tests.api.authzen.conftest import Pdp, conversation
from tests.database_calls import database_calls
from tests.served import Served

ALICE = {"type": "user", "id": "alice@demo.example"}
JOHN = {"type": "user", "id": "john@demo.example"}
SALES = {"type": "sales_data", "id": "2026-q1"}
READ, WRITE = {"name": "read"}, {"name": "write"}


async def decisions(pdp: Pdp, **body: Any) -> list[bool]:
    answer = await pdp.ask("evaluations", body)
    assert answer.keys() == {"evaluations"}
    return [each["decision"] for each in answer["evaluations"]]


async def test_each_is_decided_in_order(pdp: Pdp) -> None:
    asked = [
        {"subject": ALICE, "action": WRITE, "resource": SALES},
        {"subject": JOHN, "action": WRITE, "resource": SALES},
        {"subject": ALICE, "action": READ, "resource": SALES},
    ]
    assert await decisions(pdp, evaluations=asked) == [True, False, True]


async def test_what_stands_on_top_is_the_default(pdp: Pdp) -> None:
    asked: list[dict[str, Any]] = [{}, {"subject": JOHN}, {"action": {"name": "fly"}}]
    given = {"subject": ALICE, "action": READ, "resource": SALES, "context": {"ip": "10.0.0.1"}}
    assert await decisions(pdp, **given, evaluations=asked) == [True, False, False]


async def test_an_own_part_takes_from_the_default_what_it_must_have_and_no_more(pdp: Pdp) -> None:
    given = {"subject": ALICE, "action": WRITE, "resource": {"type": "sales_data", "properties": {"a": 1}}}
    assert await decisions(pdp, **given, evaluations=[{"resource": {"id": "1"}}, {"resource": {}}]) == [True, False]


ORDER = {
    "execute_all": [True, False, True, False],
    "deny_on_first_deny": [True, False],
    "permit_on_first_permit": [True],
}


@pytest.mark.parametrize("semantic", ORDER)
async def test_a_semantic_says_where_to_stop(pdp: Pdp, semantic: str) -> None:
    asked = [{"subject": who} for who in (ALICE, JOHN, ALICE, JOHN)]
    options = {"evaluations_semantic": semantic, "another_option": "value"}
    given = {"action": WRITE, "resource": SALES, "options": options}
    assert await decisions(pdp, **given, evaluations=asked) == ORDER[semantic]
    denied_first = await decisions(pdp, **given, evaluations=asked[1:])
    assert denied_first == {"execute_all": [False, True, False], "deny_on_first_deny": [False]}.get(
        semantic, [False, True]
    )


async def test_a_question_that_cannot_be_meant_is_denied_alone(pdp: Pdp) -> None:
    asked: list[Any] = [{"resource": SALES}, {}, 7, {"resource": {"type": 1, "id": "x"}}, {"resource": SALES}]
    answer = await pdp.ask("evaluations", {"subject": ALICE, "action": READ, "evaluations": asked})
    assert [each["decision"] for each in answer["evaluations"]] == [True, False, False, False, True]
    errors = [each["context"].get("error") for each in answer["evaluations"]]
    assert [error and error["status"] for error in errors] == [None, 400, 400, 400, None]


async def test_an_error_is_a_deny_that_ends_a_batch(pdp: Pdp) -> None:
    given = {"subject": ALICE, "action": READ, "options": {"evaluations_semantic": "deny_on_first_deny"}}
    assert await decisions(pdp, **given, evaluations=[{}, {"resource": SALES}]) == [False]


@pytest.mark.parametrize("evaluations", [None, []])
async def test_without_a_list_it_is_one_question(pdp: Pdp, evaluations: Any) -> None:
    body = {"subject": ALICE, "action": READ, "resource": SALES, "evaluations": evaluations}
    assert (await pdp.ask("evaluations", body))["decision"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"evaluations": "all"},
        {"evaluations": [{}] * 101},
        {"options": []},
        {"options": {"evaluations_semantic": "sometimes"}},
        {"options": {"evaluations_semantic": []}},
        {"subject": "alice"},
        {"evaluations": [], "subject": None},
    ],
)
async def test_what_concerns_all_is_an_error(pdp: Pdp, change: dict[str, Any]) -> None:
    body = {"subject": ALICE, "action": READ, "resource": SALES, "evaluations": [{}], **change}
    assert (await pdp.post("evaluations", body)).status_code == 400


async def test_properties_of_one_resource_may_differ_within_a_batch(pdp: Pdp, served: Served) -> None:
    """Decisions of a request are remembered; these must not be."""
    owned = {"type": "conversation", "id": await conversation(served.people["alice"])}
    asked = [{"resource": owned}, {"resource": owned, "context": {"ip": "10.0.0.1"}}, {"resource": {**SALES}}]
    answer = await pdp.ask("evaluations", {"subject": ALICE, "action": READ, "evaluations": asked})
    assert len({each["context"]["id"] for each in answer["evaluations"]}) == 3


async def test_a_hundred_questions_cost_no_more_calls_than_two(pdp: Pdp, served: Served) -> None:
    ids = [await conversation(served.people["alice"]) for _ in range(100)]
    asked = [{"resource": {"type": "conversation", "id": id_}} for id_ in ids]
    body = {"subject": ALICE, "action": READ, "evaluations": asked}
    await decisions(pdp, **body)  # the account and the rules are known from now on

    with database_calls(own=True) as calls:
        assert await decisions(pdp, **body) == [True] * 100
    assert [each for each in calls if each[1] == "conversations"] == [("find", "conversations")]
    assert len(calls) <= 4
