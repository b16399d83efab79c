"""Documents are validated as by graphql-core's own function, of which only what holds on to them is left out."""

import re
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest
from graphql import DocumentNode, GraphQLError, parse
from graphql import validate as validate_all
from graphql.validation.validate import ValidationAbortedError

from api.documents.limits import DEFAULT_LIMITS
from api.documents.validation import _found, _rules
from api.schema import build_schema
from tests.attacks.documents import ATTACKS

SCHEMA = build_schema()._schema
SOUND: Final = (
    "query Page($id: ID!, $last: Int = 5) { conversation(id: $id) { ...C messages(last: $last) { edges { node { id } } "
    "} } } fragment C on Conversation { title owner { ...U } } fragment U on User { id displayName }",
    'mutation { login(input: {email: "a", password: "b"}) { accessToken user { id roles } } }',
    "query ($ids: [ID!]!, $no: Boolean!) { nodes(ids: $ids) { __typename ... on User { id @skip(if: $no) } "
    "... on Message { a: id content author { ... on Node { id } } } } me { id } "
    'searchMessages(query: "x", first: 1) { edges { snippet } } }',
    "subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename "
    "... on MessageAppended { message { id } } } }",
    "query A { me { id } } query B { me { ...F } } fragment F on User { ...G } fragment G on User { id }",
)
CHANGED: Final = 400
NAME: Final = re.compile(r"[A-Za-z_]\w*|\"\w*\"|\d+")


def changed(chance: Random, text: str) -> str:
    """With some words in the place of others, as who mistypes, or tries, would have it."""
    words = [*NAME.findall(text), "null", "Nothing", "__typename", "1.5", "true"]
    for _ in range(chance.randrange(1, 4)):
        found = chance.choice(list(NAME.finditer(text)))
        text = text[: found.start()] + chance.choice(words) + text[found.end() :]
    return text


def documents() -> Iterator[DocumentNode]:
    """Sound ones, attacks, and ones with flaws of many kinds."""
    chance = Random(11)
    texts = [*SOUND, *(each.document for each in ATTACKS if len(each.document) < 10_000)]
    for text in (*texts, *(changed(chance, chance.choice(SOUND)) for _ in range(CHANGED))):
        try:
            yield parse(text, max_tokens=DEFAULT_LIMITS.tokens)
        except GraphQLError:
            continue


def told(error: GraphQLError) -> object:
    """All of it; of where it was broken off only that, as `validate` says it in words of its own."""
    return type(error) if isinstance(error, ValidationAbortedError) else error.formatted


@pytest.mark.parametrize("suggest", [False, True])
def test_the_same_is_found_in_the_same_order(suggest: bool) -> None:
    kinds = set[str]()
    for document in documents():
        theirs = validate_all(
            SCHEMA,
            document,
            _rules(DEFAULT_LIMITS.overlaps),
            max_errors=DEFAULT_LIMITS.errors,
            hide_suggestions=not suggest,
        )
        ours = _found(SCHEMA, document, DEFAULT_LIMITS, suggest=suggest, step=None)
        assert list(map(told, ours)) == list(map(told, theirs))
        kinds |= {re.sub(r"'[^']*'|\d+", "", each.message) for each in theirs}
    assert len(kinds) > 15
