"""Documents are read once, and what is refused is refused again."""

from api.documents import Documents
from api.documents.parsing import parse
from tests.served import Served

ME = "query OnlyHere { me { id displayName } }"
"""Asked for by no other test: the schema, which remembers documents, is that of all in a process."""


MANY = 1_000_000
"""Tokens."""


async def test_a_document_is_parsed_once_and_answers_everybody_for_himself(served: Served, parsed: list[str]) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    assert [(await each.ask(ME)).data["me"]["displayName"] for each in (alice, bob, alice)] == ["Alice", "Bob", "Alice"]
    assert (await served.nobody.ask(ME)).data == {"me": None}
    assert parsed == [ME]


async def test_variables_and_operation_names_are_a_request_s_own(served: Served) -> None:
    alice = await served.as_("alice")
    text = "query Some($yes: Boolean!) { me { id displayName @include(if: $yes) } }"
    assert set((await alice.ask(text, yes=True)).data["me"]) == {"id", "displayName"}
    assert set((await alice.ask(text, yes=False)).data["me"]) == {"id"}
    assert (await alice.ask(text)).codes == ["BAD_USER_INPUT"]


async def test_an_invalid_document_is_told_so_each_time(served: Served, parsed: list[str]) -> None:
    alice = await served.as_("alice")
    first, second = [await alice.ask("{ me { nothing } }") for _ in range(2)]
    assert first.codes == ["BAD_USER_INPUT"]
    assert first.body == second.body
    assert len(parsed) == 2


async def test_a_document_with_too_many_tokens_is_refused_each_time(served: Served) -> None:
    alice = await served.as_("alice")
    for _ in range(2):
        assert (await alice.ask("{" + "me { id } " * 1000 + "}")).codes == ["QUERY_TOO_COMPLEX"]


def test_what_was_not_asked_for_the_longest_time_goes_first_and_huge_documents_are_never_kept() -> None:
    documents = Documents(characters=40)
    texts = [f"{{ each{number} }}" for number in range(5)]
    for text in texts:
        documents.remember(text, parse(text, max_tokens=MANY))
        documents.find(texts[0])
    assert [documents.find(text) is not None for text in texts] == [True, False, True, True, True]
    huge = "{ " + "a " * 40 + "}"
    documents.remember(huge, parse(huge, max_tokens=MANY))
    assert documents.find(huge) is None
    assert documents.find(texts[0]) is not None
