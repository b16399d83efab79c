"""What operations cost: an estimate that holds for what is answered, a budget, and the figure that is told."""

from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
from graphql import OperationDefinitionNode, parse

from api.documents.cost import Actual, Estimate
from api.documents.cost_model import SLICED, WEIGHTS, declare
from api.documents.limits import DEFAULT_LIMITS, CostBudgets, budgets_of_roles
from api.prepared import Prepared, named
from api.schema import build_schema
from tests.api.documents.test_limits import serving
from tests.attacks.documents import fragments
from tests.resolvers.chat.documents import append, start
from tests.served import Served

SCHEMA: Final = build_schema(replace(DEFAULT_LIMITS, costs=CostBudgets(signed_in=100, nobody=10, roles={"admin": 500})))
ESTIMATE: Final = Estimate(SCHEMA._schema, SCHEMA.costs)
LIST: Final = "query ($n: Int = 7) { conversations(first: $n) { edges { node { id } } } }"


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ me { id displayName } }", {}, 1),
        ("{ conversations { edges { node { id } } } }", {}, 1 + 20 + 20),
        ("{ conversations(first: 3) { edges { node { id } } pageInfo { endCursor } } }", {}, 1 + 3 + 3 + 1),
        ("{ conversations(last: 3) { edges { cursor } } }", {}, 1 + 3),
        ("{ conversations(first: 0) { edges { node { id } } } }", {}, 1),
        ("{ conversations(first: -5) { edges { node { id } } } }", {}, 1),
        ("{ conversations(first: 1000000) { edges { cursor } } }", {}, 1 + 100),  # which is refused, and finds nothing
        (LIST, {}, 1 + 7 + 7),
        (LIST, {"n": 2}, 1 + 2 + 2),
        (LIST, {"n": "2"}, 1 + 20 + 20),
        (LIST, {"n": 50.0}, 1 + 50 + 50),  # an `Int`, as JSON may have it
        (LIST, {"n": 1e300}, 1 + 100 + 100),
        (LIST, {"n": float("inf")}, 1 + 20 + 20),
        ('{ nodes(ids: ["a", "b"]) { id ... on Conversation { owner { id } } } }', {}, 2 + 2),
        ("query ($v: [ID!]!) { nodes(ids: $v) { id } }", {"v": ["a"] * 9}, 9),
        ("{ users(first: 2) { edges { node { roleAssignments { role { name } } } } } }", {}, 1 + 2 + 2 + 2 * 5 * 2),
        ("{ a: me { id } b: me { id } }", {}, 2),
        ("mutation { logout { ended } }", {}, 10 + 1),
        ("{ __typename }", {}, 0),
        ("{ __schema { types { name } } }", {}, 0),
    ],
)
def test_an_operation_costs_its_objects(document: str, variables: dict[str, Any], cost: int) -> None:
    assert ESTIMATE.of(parse(document), None, variables) == cost


@pytest.mark.parametrize("length", [0, 7, 20, 50, 100])
def test_a_whole_number_costs_the_same_however_it_is_written(length: int) -> None:
    prepared = Prepared(SCHEMA, LIST, document := parse(LIST), named(document, None))
    costs = {prepared.cost({"n": each}) for _ in range(2) for each in (20, length, float(length))}
    assert costs == {prepared.cost({"n": 20}), prepared.cost({"n": length})}
    assert prepared.cost({"n": float(length)}) == 1 + 2 * length


def test_fragments_cost_what_they_would_if_they_were_written_out() -> None:
    written = "{ conversations(first: 9) { edges { node { messages(first: 4) { edges { node { id } } } } } } }"
    spread = """{ conversations(first: 9) { ...a } }
      fragment a on ConversationConnection { ... { ...b } }
      fragment b on ConversationConnection { edges { ...c } }
      fragment c on ConversationEdge { node { messages(first: 4) { ...d } } }
      fragment d on MessageConnection { edges { node { ...e } } }
      fragment e on Message { id }"""
    assert ESTIMATE.of(parse(spread), None, {}) == ESTIMATE.of(parse(written), None, {}) == 1 + 9 + 9 + 9 + 36 + 36


def test_one_operation_of_several_is_meant() -> None:
    document = parse("query a { me { id } } query b { x: me { id } y: me { id } }")
    assert [ESTIMATE.of(document, each, {}) for each in ("a", "b", None, "c")] == [1, 2, 0, 0]


def test_doubling_fragments_are_added_up_without_being_written_out() -> None:
    document = parse("{ ...f0 } " + fragments(100, lambda n: f"...f{n + 1} ...f{n + 1}"))
    assert ESTIMATE.of(document, None, {}) == 1_000_000_000


def test_the_model_names_fields_that_are_there_and_each_list_has_a_size() -> None:
    assert {*WEIGHTS, *SLICED} <= SCHEMA.costs.keys()
    assert declare(SCHEMA) == SCHEMA.costs
    assert SCHEMA.as_str().count("@listSize(assumedSize: 20, slicingArguments:") > 10


async def test_who_has_a_larger_budget_may_ask_for_more(served: Served) -> None:
    async def ask(name: str | None, first: int, **extensions: Any) -> dict[str, Any]:
        token = (await served.as_(name)).token if name else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": LIST, "variables": {"n": first}, "extensions": extensions}
        answer: dict[str, Any] = (await http.post("/graphql", json=body, headers=headers)).json()
        return answer

    transport = httpx.ASGITransport(serving(served, SCHEMA))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley.test") as http:
        assert "errors" not in await ask("alice", 49)
        (error,) = (await ask("alice", 50))["errors"]
        assert error["extensions"] == {"code": "QUERY_TOO_COMPLEX", "limit": "cost", "maximum": 100}
        assert "errors" not in await ask("admin", 100)
        assert (await ask(None, 4))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await ask(None, 5))["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert "extensions" not in await ask("alice", 3)
        told = await ask("alice", 3, cost=True)
        assert told["extensions"]["cost"] == {"estimated": 7, "budget": 100, "actual": 1}
        refused = await ask("alice", 99, cost=True)
        assert refused["extensions"]["cost"] == {"estimated": 199, "budget": 100}


async def test_an_answer_costs_no_more_than_was_estimated(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice, attributes={"a": {"b": {"c": 1}}})
    for each in range(3):
        await append(alice, conversation, str(each))
    query = """query ($id: ID!) { conversation(id: $id) { id attributes owner { id }
      ...m messages(first: 5) { edges { node { author { id } } } } } }
      fragment m on Conversation { messages(first: 5) { ...p edges { node { id branch { id } } } } }
      fragment p on MessageConnection { pageInfo { endCursor } }"""
    document, answer = parse(query), await alice.ask(query, id=conversation)
    operation, *_ = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    actual = Actual(SCHEMA._schema, SCHEMA.costs, document).of(operation, answer.data)
    assert actual == 1 + 1 + 1 + 3 * (1 + 1 + 1 + 1) + 1  # conversation, owner, connection, edges, page info
    assert actual <= ESTIMATE.of(document, None, {"id": conversation})


def test_budgets_of_roles_are_read_or_refused() -> None:
    assert budgets_of_roles(" admin=5, a b =7,") == {"admin": 5, "a b": 7}
    for wrong in ("admin", "admin=", "=5", "admin=-5", "admin=x"):
        with pytest.raises(ValueError, match="role=number"):
            budgets_of_roles(wrong)
