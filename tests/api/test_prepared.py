"""What is worked out of an operation once is what it would be each time."""

from typing import Any

import pytest
from graphql import parse
from strawberry.schema.exceptions import CannotGetOperationTypeError

from api.documents import Documents
from api.documents.cost import Estimate
from api.prepared import COST_CHARACTERS, COSTS, Prepared, named, prepared
from tests.served import schema

PAGE = """query Page($first: Int = 7, $id: ID!) {
  conversation(id: $id) { messages(first: $first) { edges { node { id } } } }
}"""
SEVERAL = "query A { __typename } mutation B { logout { ended } } query C { __schema { queryType { name } } }"
NUMBERS: list[Any] = [
    {},
    *({"first": each} for each in (0, 1, 5, 99, 100, 101, -3, None, True, "3", 1.5, [1, 2], 10**20)),
]


@pytest.mark.parametrize("variables", NUMBERS)
def test_a_cost_that_is_remembered_is_the_estimate(variables: dict[str, Any]) -> None:
    document = parse(PAGE)
    operation = Prepared(schema(), PAGE, document, named(document, None))
    for each in (*NUMBERS, variables):
        operation.cost(each)
    expected = Estimate(schema()._schema, schema().costs).of(document, "Page", variables)
    assert operation.cost(variables) == expected


def test_no_more_costs_are_remembered_than_some() -> None:
    document = parse(PAGE)
    operation = Prepared(schema(), PAGE, document, named(document, None))
    for number in range(3 * COSTS):
        operation.cost({"first": number})
    assert len(operation._costs) <= COSTS


def test_what_is_remembered_of_an_operation_counts_among_what_its_document_weighs() -> None:
    for name in range(2):
        text = f"query A($a: Int) {{ a{name}: __typename }} query B {{ b: __typename }}"
        schema().documents.remember(text, parse(text))
        known = schema().documents.known(text)
        assert known is not None
        bare = known.weight
        first = prepared(schema(), text, "A")
        assert first is not None
        assert known.weight == bare + first.weight
        for number in range(10):
            first.cost({"a": number})
        second = prepared(schema(), text, "B")
        assert second is not None
        assert prepared(schema(), text, "A") is first
        assert known.weight == bare + first.weight + second.weight
        assert first.weight >= second.weight + 10 * COST_CHARACTERS


def test_each_operation_of_a_document_is_prepared_by_its_name() -> None:
    document = parse(SEVERAL)
    schema().documents.remember(SEVERAL, document)
    a, b, c = (prepared(schema(), SEVERAL, name) for name in "ABC")
    assert None not in (a, b, c)
    assert c is not None
    assert [each.kind.value for each in (a, b, c) if each] == ["query", "mutation", "query"]
    assert [each.alone for each in (a, b, c) if each] == [False] * 3
    assert c.introspections == 1
    assert prepared(schema(), SEVERAL, "B") is b
    for name in ("", "D"):
        with pytest.raises(CannotGetOperationTypeError):
            prepared(schema(), SEVERAL, name)
    assert "D" not in schema().documents.known(SEVERAL).operations  # type: ignore[union-attr]


def test_what_is_made_of_documents_counts_among_what_they_weigh() -> None:
    documents = Documents(characters=100)
    texts = [f"{{ a{number} }}" for number in range(3)]
    for text in texts:
        documents.remember(text, parse(text))
    documents.grow(texts[2], 70)
    assert [documents.find(text) is not None for text in texts] == [True, True, True]
    documents.grow(texts[2], 15)
    assert [documents.find(text) is not None for text in texts] == [False, True, True]
    documents.grow("{ gone }", 50)
    documents.grow(texts[2], 1_000)
    assert documents.find(texts[2]) is None
    documents.remember(texts[0], parse(texts[0]))
    assert documents.find(texts[0]) is not None
