"""A document that was judged is freed as soon as nobody has it, and not by the garbage collector."""

import gc
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from graphql import DocumentNode, GraphQLError
from graphql import parse as their_parse

from api.documents.judging import flaws, read
from api.documents.limits import DEFAULT_LIMITS
from api.documents.parsing import parse as our_parse
from api.schema import build_schema
from tests.attacks.documents import ATTACKS, Attack

SCHEMA = build_schema()
FEW: Final = 300
"""Objects that rules of graphql-core leave of some documents, however long they are: others left thousands."""


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def judge(text: str) -> None:
    try:
        document = read(text, DEFAULT_LIMITS)
    except GraphQLError:
        return
    flaws(SCHEMA._schema, document, DEFAULT_LIMITS, suggest=True)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_nothing_of_an_attack_is_left(attack: Attack) -> None:
    judge(attack.document)  # what is made once
    gc.collect()
    judge(attack.document)
    assert gc.collect() <= FEW


@pytest.mark.parametrize("text", ["{ a(b: 1) { ...c } } # d", "{ a { ", "{ a(b: {c: [", '{ "', "{}"])
def test_documents_are_parsed_as_by_the_library(text: str) -> None:
    assert _told(lambda: our_parse(text, max_tokens=100)) == _told(lambda: their_parse(text, max_tokens=100))
    assert _told(lambda: our_parse(text, max_tokens=2)) == _told(lambda: their_parse(text, max_tokens=2))


def test_what_is_nested_too_deeply_is_an_error() -> None:
    with pytest.raises(GraphQLError, match="nested too deeply"):
        our_parse("{ a(b: " + "[" * 5_000 + "]" * 5_000 + ") }", max_tokens=20_000)


def _told(parse_it: Callable[[], DocumentNode]) -> object:
    try:
        document = parse_it()
    except GraphQLError as error:
        return error.message, error.locations
    return document, document.loc, [each.loc for each in document.definitions]
