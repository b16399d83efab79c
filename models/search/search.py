"""Searching: postings give candidates, the database says whose they are, the messages themselves say the rest.

What a caller may not read takes part in nothing: not in weights, not in pages, not in cursors. Work is bounded: a
request looks at so many pages of postings and so many candidates; it then answers with what it found, and where to go
on.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.search.entries import STRONGEST
from models.search.manifest import read_parts
from models.search.matching import Mark, marks
from models.search.merging import MissingPageError
from models.search.query import Query
from models.search.ranking import PRECISION, Candidate, Place, Ranking
from models.search.reach import MessageFilter, Reach
from models.search.reader import Reader
from models.search.snippets import CONSIDERED, Snippet, snippet
from models.tree import Address, MessageTree, Row, Sight
from models.tree.meter import Meter
from models.tree.precedence import Pace

AT_ONCE: Final = 4
"""Searches that a worker does at a time: others wait, and the rest of the server does not wait for them."""
CANDIDATES: Final = 500
"""Looked at in one request; the page may be short then, and its cursor goes on."""
CANDIDATES_BY_RULE: Final = 1_000
"""The same for who reads by rule. His page is the last one then: what he may not read must not show in what follows."""
SECOND_ROUND: Final = 64
"""Looked at where the first candidates, one more than a page, don't fill it."""
TOGETHER: Final = 101
"""Looked at in one round: what they say is in memory meanwhile, up to a mebibyte each."""
CHARACTERS: Final = 4 * 1024 * 1024
"""Of messages, judged in one request, which takes some seconds at worst; then, too, the page is short."""
LITTLE: Final = 8 * 1024
"""Of messages, judged where they are: it takes 2 ms as a rule, 20 at worst. More is judged in a thread."""
FULL: Final = PRECISION * STRONGEST
"""A score of 1."""
TRIES: Final = 5
"""How often a search begins again because segments were merged under it."""


Found: TypeAlias = Mapping[bytes, tuple[Conversation, Row]]
"""Messages, with their conversations, by key."""
Judged: TypeAlias = tuple[dict[bytes, tuple[Conversation, Row, Sequence[Mark]]], int, int]
"""Those of the first candidates that match, by key, and where; how many were judged, and characters of these."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Up to `size` messages after `after`."""

    query: Query
    wanted: MessageFilter
    size: int
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found, and why."""

    conversation: Conversation
    row: Row
    marks: Sequence[Mark]
    score: float
    place: Place

    @property
    def snippet(self) -> Snippet:
        """Made when it is asked for."""
        return snippet(self.row.message["content"], self.marks)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`more`: something may follow after `end`. `complete`: nothing was left out for being too much to look at."""

    hits: Sequence[Hit]
    more: bool
    end: Place | None
    complete: bool = True


class MessageSearch:
    """One a worker."""

    def __init__(self, db: AsyncDatabase[Record], tree: MessageTree) -> None:
        self._db = db
        self._tree = tree
        self._reader = Reader(db)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, reach: Reach, request: SearchRequest) -> SearchPage:
        """Messages in `reach` that match, best first."""
        if not reach or not request.size:
            return SearchPage([], more=False, end=None)
        async with self._turns:
            for _ in range(TRIES):
                with suppress(MissingPageError):
                    return await self._find(reach, request)
            return await self._find(reach, request)

    async def _find(self, reach: Reach, request: SearchRequest) -> SearchPage:
        segments = await self._reader.segments(await read_parts(self._db))
        ranking = await Ranking.of(self._reader, segments, reach, request.query, request.wanted)
        weights = request.after.weights if request.after else ranking.weights
        hits: dict[bytes, Hit] = {}
        place, looked, size, more = request.after, 0, request.size + 1, True
        budget, by_rule = CHARACTERS, ranking.anybodys and not reach.whole
        most = CANDIDATES_BY_RULE if by_rule else CANDIDATES
        rounds, complete = most_rounds(size, most), ranking.complete and not by_rule
        while more and looked < most and budget > 0:
            await self._tree.precedence.give_way()
            candidates, more = await ranking.next(weights, place, size)
            rows = await self._rows(candidates, reach, request)
            rounds -= bool(candidates)
            await self._tree.precedence.give_way()
            found, judged, spent = await self._judge(candidates, rows, request, budget)
            budget -= spent
            more = more or judged < len(candidates)
            for candidate in candidates[:judged]:
                there = found.get(candidate.key)
                if there and len(hits) == request.size:
                    return SearchPage(list(hits.values()), more=True, end=place, complete=complete)
                place = Place(weights, *candidate)
                if there:
                    hits[candidate.key] = Hit(*there, candidate.score / FULL, place)
            looked += len(candidates)
            size = _next_size(size, looked, most)
        if by_rule:
            await self._look_in_vain(rounds, reach, request)
            # INVARIANT: nothing but his hits hangs on candidates; by the length of what he may read the budget ends.
            more = budget <= 0
        if not more:  # what was passed over after the last hit, if anything, is not told by a place to go on from
            place = next(reversed(hits.values())).place if hits else None
        return SearchPage(list(hits.values()), more=more, end=place, complete=complete)

    async def _look_in_vain(self, rounds: int, reach: Reach, request: SearchRequest) -> None:
        """As often as more candidates would have been looked at: else that would tell of words of others."""
        for _ in range(rounds):
            await self._reachable({PydanticObjectId() for _ in range(SECOND_ROUND)}, reach, request)

    async def _rows(self, candidates: Sequence[Candidate], reach: Reach, request: SearchRequest) -> Found:
        """Those that are in reach, and there, by key."""
        messages = [(candidate.key, *candidate.message) for candidate in candidates]
        conversations = await self._reachable({id_ for _, _, id_, _ in messages}, reach, request)
        wanted: dict[PydanticObjectId, dict[Address, bytes]] = {}
        for key, owner_id, conversation_id, address in messages:
            if conversation_id in conversations and conversations[conversation_id].owner_id == owner_id:
                wanted.setdefault(conversation_id, {})[address] = key
        seen = await asyncio.gather(
            *(self._seen(conversations[id_], places, reach, request) for id_, places in wanted.items())
        )
        return {
            places[address]: (conversations[id_], row)
            for (id_, places), rows in zip(wanted.items(), await self._tree.rows(seen, _polite()), strict=True)
            for address, row in rows.items()
        }

    async def _seen(
        self, conversation: Conversation, places: Collection[Address], reach: Reach, request: SearchRequest
    ) -> tuple[Conversation, Sight | None, Collection[Address]]:
        """What the caller sees of it, and at which of those places he sees the model, if he asks for it."""
        if request.wanted.llm_model is not None and (sight := await reach.seen_models(conversation)):
            places = [place for place in places if sight.sees(place)]
        return conversation, await reach.seen(conversation), places

    async def _reachable(
        self, ids: Collection[PydanticObjectId], reach: Reach, request: SearchRequest
    ) -> dict[PydanticObjectId, Conversation]:
        """Those of the conversations that are in reach; the database decides."""
        if not ids:
            return {}
        await self._tree.precedence.give_way()
        stages = [{"$match": {"_id": {"$in": list(ids)}}}, {"$match": reach.match(request.wanted)}]
        cursor = await self._db.conversations.aggregate(stages, batchSize=CANDIDATES)
        return {record["_id"]: Conversation.model_validate(record) for record in await cursor.to_list()}

    async def _judge(self, candidates: Sequence[Candidate], rows: Found, request: SearchRequest, budget: int) -> Judged:
        """In a thread where it is much, which stands back for who asks for little."""
        if sum(len(row.message.get("content") or "") for _, row in rows.values()) <= LITTLE:
            return _judged(candidates, rows, request, budget)
        pace = Pace(self._tree.precedence)
        return await asyncio.to_thread(_judged, candidates, rows, request, budget, pace)


def _polite() -> Meter:
    """What counts nothing, and has readings let those of others go first: eight of a search's are under way then."""
    meter = Meter(None)
    meter.gives_way = True
    return meter


def most_rounds(size: int, most: int) -> int:
    """In how many rounds `most` candidates are looked at, where the first has so many."""
    looked = rounds = 0
    while looked < most:
        rounds, looked = rounds + 1, looked + size
        size = _next_size(size, looked, most)
    return rounds


def _next_size(size: int, looked: int, most: int) -> int:
    return min(max(2 * size, SECOND_ROUND), TOGETHER, most - looked)


def _judged(
    candidates: Sequence[Candidate],
    rows: Found,
    request: SearchRequest,
    budget: int,
    step: Callable[[], None] = lambda: None,
) -> Judged:
    """One at least, and no more once there are `budget` characters. `step` is called before each."""
    found: dict[bytes, tuple[Conversation, Row, Sequence[Mark]]] = {}
    spent = 0
    for number, candidate in enumerate(candidates):
        if spent >= budget:
            return found, number, spent
        if candidate.key in rows:
            step()
            conversation, row = rows[candidate.key]
            spent += len(row.message.get("content") or "")
            if there := _matching(row, request):
                found[candidate.key] = (conversation, row, there)
    return found, len(candidates), spent


def _matching(row: Row, request: SearchRequest) -> Sequence[Mark] | None:
    """Where it matches, as far as that may be shown, if the message is wanted."""
    text = row.message.get("content")
    if not text or row.message.get("deleted_at") or not request.wanted.passes(row.message):
        return None
    found = marks(request.query, text)
    return found[:CONSIDERED] if found else None
