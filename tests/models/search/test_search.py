"""Search finds what a look at every message would find, in the same order, and nothing that may not be read."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from beanie import PydanticObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bucket import MessageRole
from models.conversation import Conversation
from models.conversation_list import Scope
from models.database import Database
from models.search import search as search_module
from models.search.query import QueryError, parse
from models.search.reach import MessageFilter, Reach
from models.search.search import SearchPage, SearchRequest
from tests.models.search.corpus import AT, Corpus, everybody, keys, named, owner, texts


@pytest.fixture
def corpus(database: Database) -> Corpus:
    return Corpus(database)


async def test_a_message_is_found_by_any_form_of_its_words(corpus: Corpus) -> None:
    alice = PydanticObjectId()
    await corpus.chat(alice, ["The foxes were running", "Die Häuser sind nicht groß", "Les cafés ne sont pas ouverts"])
    await corpus.indexed()
    assert texts(await corpus.found(owner(alice), "run fox")) == ["The foxes were running"]
    assert texts(await corpus.found(owner(alice), "haus")) == ["Die Häuser sind nicht groß"]
    assert texts(await corpus.found(owner(alice), "CAFE")) == ["Les cafés ne sont pas ouverts"]
    assert await corpus.found(owner(alice), "nothing") == []


async def test_nobody_finds_what_belongs_to_others(corpus: Corpus) -> None:
    alice, bob = PydanticObjectId(), PydanticObjectId()
    await corpus.chat(alice, ["secret"])
    await corpus.chat(bob, ["secret", "secret plan"])
    await corpus.indexed()
    assert texts(await corpus.found(owner(alice), "secret")) == ["secret"]
    for page in (1, 2, 100):
        found = keys(await corpus.found(everybody(alice), "secret", size=page))
        assert found == corpus.naive(alice, lambda _: True, "secret")
        assert len(found) == 3


COLLECTIONS: Final = (
    "buckets",
    "branches",
    "conversations",
    "search_manifest",
    "search_segments",
    "search_pages",
    "search_removals",
)
WORDS: Final = (
    "run",
    "running",
    "fox",
    "foxes",
    "the",
    "and",
    "der",
    "Häuser",
    "Haus",
    "ist",
    "nicht",
    "東京",
    "京都",
    "x1",
)
TEXTS: Final = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
CLAUSES: Final = st.builds(
    lambda minus, quoted, text: ("-" if minus else "") + (f'"{text}"' if quoted else text.split()[0]),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join),
)
QUERIES: Final = st.lists(CLAUSES, min_size=1, max_size=3).map(" ".join)
FILTERS: Final = st.builds(
    MessageFilter,
    role=st.sampled_from([None, None, MessageRole.USER, MessageRole.ASSISTANT]),
    llm_model=st.sampled_from([None, None, None, "m1"]),
    tags_any=st.sampled_from([None, None, ["a"], ["a", "b"], []]),
    after=st.sampled_from([None, None, AT + timedelta(days=10)]),
    before=st.sampled_from([None, None, AT + timedelta(days=30)]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What happens: messages, the index following, merging; by three owners, in six conversations."""
    said = st.tuples(st.integers(0, 5), TEXTS, st.sampled_from([None, "m1", "m2"]))
    step = st.one_of(
        said.map(lambda what: ("say", what)),
        said.map(lambda what: ("say", what)),
        said.map(lambda what: ("say", what)),
        st.just(("take", None)),
        st.just(("merge", None)),
        st.integers(0, 5).map(lambda which: ("delete", which)),
    )
    return draw(st.lists(step, min_size=1, max_size=40))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=histories(), asked=st.lists(st.tuples(QUERIES, FILTERS, st.integers(1, 4)), min_size=3, max_size=6))
async def test_the_index_agrees_with_a_look_at_every_message(
    database: Database, steps: list[tuple[str, Any]], asked: list[tuple[str, MessageFilter, int]]
) -> None:
    corpus = await emptied(database)
    people = [PydanticObjectId() for _ in range(3)]
    await play(corpus, people, steps)
    for text, wanted, size in asked:
        try:
            parse(text)
        except QueryError:
            continue
        for person in people:
            reach = owner(person)
            own = partial(owns, person)
            assert keys(await corpus.found(reach, text, wanted, size)) == corpus.naive(person, own, text, wanted)
        few = list(corpus.conversations)[:3]
        found = keys(await corpus.found(named(people[0], few), text, wanted, size))
        assert found == corpus.naive(people[0], partial(owns_or_is_among, people[0], few), text, wanted)
        found = keys(await corpus.found(everybody(people[0]), text, wanted, size))
        assert found == corpus.naive(people[0], lambda _: True, text, wanted)


def owns(person: PydanticObjectId, conversation: Conversation) -> bool:
    return conversation.owner_id == person


def owns_or_is_among(person: PydanticObjectId, few: Sequence[PydanticObjectId], conversation: Conversation) -> bool:
    return owns(person, conversation) or conversation.id in few


async def emptied(database: Database) -> Corpus:
    """A corpus in a database of which nothing is left."""
    for name in COLLECTIONS:
        await database.db[name].delete_many({})
    return Corpus(database)


async def play(corpus: Corpus, people: Sequence[PydanticObjectId], steps: Sequence[tuple[str, Any]]) -> None:
    """Do what `histories` has drawn; all is indexed at the end."""
    chats = [await corpus.chat(people[n % 3], tags=[["a"], ["b"], []][n // 2]) for n in range(6)]
    for step, what in steps:
        if step == "say":
            number, text, model = what
            await corpus.say(chats[number], text, MessageRole.ASSISTANT if model else MessageRole.USER, model)
        elif step == "delete":
            chats[what].deleted = True
            await chats[what].change({"deleted": True})
        elif step == "take":
            await corpus.indexer.take()
        else:
            await corpus.indexer.merge()
    await corpus.indexed()


async def test_where_a_page_ends_does_not_tell_how_much_others_wrote(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "CANDIDATES", 4)
    monkeypatch.setattr(search_module, "CANDIDATES_BY_RULE", 8)
    where, told = {"attributes.region": "EMEA"}, list[SearchPage]()
    reach = Reach(PydanticObjectId(), [Scope({}, where)], [where], [where])
    for hidden in (0, 5, 60):
        corpus = await emptied(database)
        await corpus.chat(PydanticObjectId(), ["the plan is this one"] * 2, attributes={"region": "EMEA"})
        await corpus.chat(PydanticObjectId(), ["plan"] * hidden, attributes={"region": "APAC"})
        await corpus.indexed()
        told.append(await corpus.search.find(reach, SearchRequest(parse("plan"), MessageFilter(), 2)))
    assert [len(page.hits) for page in told] == [2, 2, 0]
    assert {(page.more, page.complete) for page in told} == {(False, False)}
    assert [page.end == page.hits[-1].place for page in told[:2]] == [True, True]
    assert told[2].end is None
    more = [await corpus.search.find(everybody(PydanticObjectId()), SearchRequest(parse("plan"), MessageFilter(), 9))]
    assert [page.more for page in more] == [True]
