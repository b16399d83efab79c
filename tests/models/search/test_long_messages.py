"""Long messages cost a search time: that is spent beside the event loop, and only so much of it for one request."""

import threading

import pytest
from beanie import PydanticObjectId

from models.database import Database
from models.search import search as searching
from models.search.matching import Mark, marks
from models.search.query import Query, parse
from models.search.reach import MessageFilter
from models.search.search import CHARACTERS, LITTLE, SearchRequest
from models.tree.precedence import Precedence
from tests.models.search.corpus import Corpus, owner, texts


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """Of each text that was judged: whether the event loop stood still meanwhile, and its length."""
    seen: list[tuple[bool, int]] = []

    def watched(query: Query, text: str) -> list[Mark] | None:
        seen.append((threading.current_thread() is threading.main_thread(), len(text)))
        return marks(query, text)

    monkeypatch.setattr(searching, "marks", watched)
    return seen


@pytest.mark.parametrize("length", [1, LITTLE // 4, LITTLE // 2, LITTLE])
async def test_more_than_a_little_is_judged_beside_the_event_loop(
    database: Database, judged: list[tuple[bool, int]], length: int
) -> None:
    corpus, alice = Corpus(database), PydanticObjectId()
    await corpus.chat(alice, ["a fox " + "x" * length, "two foxes"])
    await corpus.chat(alice, ["no fox " + "x" * length])
    await corpus.indexed()
    assert len(await corpus.found(owner(alice), "fox")) == 3
    little = sum(each for _, each in judged) <= LITTLE
    assert little is (length <= LITTLE // 4)
    assert [stands_still for stands_still, _ in judged] == [little] * 3


async def test_that_stands_back_for_who_asks_for_little(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bool]()

    def noted(self: Precedence, seconds: float) -> float:
        asked.append(self is corpus.search._tree.precedence)
        return 0.0

    monkeypatch.setattr(Precedence, "stand_back", noted)
    corpus, alice = Corpus(database), PydanticObjectId()
    await corpus.chat(alice, ["a fox " + "x" * LITTLE, "two foxes"])
    await corpus.indexed()
    assert len(await corpus.found(owner(alice), "fox")) == 2
    assert asked == [True, True]


async def test_a_request_judges_so_many_characters_and_the_next_goes_on(
    database: Database, judged: list[tuple[bool, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CHARACTERS", CHARACTERS // 1024)
    length = CHARACTERS // 1024 // 3
    said = [f"fox {number} " + "x" * length for number in range(10)]
    corpus, alice = Corpus(database), PydanticObjectId()
    await corpus.chat(alice, said)
    await corpus.indexed()
    page = await corpus.search.find(owner(alice), SearchRequest(parse("fox"), MessageFilter(), 10))
    assert 1 <= len(page.hits) < 10
    assert page.more
    assert sum(each for _, each in judged) < CHARACTERS // 1024 + 2 * length
    assert sorted(texts(await corpus.found(owner(alice), "fox"))) == sorted(said)
