"""Everything that can be read, beside what the model says."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.search.documents import MessageKey
from models.search.indexer import Indexer
from models.search.query import parse
from models.search.ranking import Place
from models.search.reach import MessageFilter
from models.search.search import MessageSearch, SearchRequest
from models.tree import MAIN, Address, History, MessageTree, TreeLimits, Window
from models.tree.errors import BranchNotFoundError
from models.usage.question import UsageDimension, UsageQuestion
from tests.histories.model import Chat, Said, last_shared
from tests.histories.worker import read
from tests.models.search.corpus import everybody
from tests.models.tree.model import walk, walk_back
from tests.models.tree.wellformed import check_well_formed
from tests.models.usage.recount import ask

WORDS = ("fox", "lantern", "pebble")


async def compare(db: AsyncDatabase[Record], limits: TreeLimits, chats: list[Chat], random: Random) -> None:
    """Every conversation, a search for each word, and usage."""
    tree = MessageTree(db, limits)
    for chat in chats:
        await _chat(db, tree, chat, random)
    await _searches(db, tree, chats, random)
    await _usage(db, chats)


async def _chat(db: AsyncDatabase[Record], tree: MessageTree, chat: Chat, random: Random) -> None:
    await check_well_formed(db, chat.id)
    conversation = await read(db, chat.id)
    history = tree.history(conversation)
    figures = (conversation.message_count, conversation.branch_count)
    expected = (len(chat.seen), len({MAIN, *chat.branches}))
    assert figures == expected, f"{figures} {expected} {chat.raced}"
    assert await _listed(history, random.randint(1, 4)) == set(chat.branches)
    differ = set(await history.rows(chat.said)) ^ {each.address for each in chat.seen}
    assert not differ, f"{differ} in {chat.id}"
    for branch in {MAIN, *(each.branch for each in chat.said)}:
        if (end := chat.end(branch)) is None and branch != MAIN:
            with pytest.raises(BranchNotFoundError):
                await history.page(branch, Window(first=1))
            continue
        await _path(history, chat, branch, end.path if end else [], random.randint(1, 5))
    if len(chat.branches) > 1:
        one, other = random.sample(chat.branches, 2)
        ends = [chat.end(one), chat.end(other)]
        assert ends[0]
        assert ends[1]
        assert await history.last_shared(one, other) == last_shared(ends[0], ends[1])


async def _listed(history: History, size: int) -> set[str]:
    """The list of branches, page by page."""
    names: list[str] = []
    after: PydanticObjectId | None = None
    while page := await history.branches(after, size):
        names += [each.branch for each in page]
        after = page[-1].place
    assert len(names) == len(set(names))
    return set(await history.ends(names))


async def _path(history: History, chat: Chat, branch: str, path: list[Said], size: int) -> None:
    rows = await walk(history, branch, size)
    assert [(row.address, row.message.get("content")) for row in rows] == [(each.address, each.shown) for each in path]
    assert await walk_back(history, branch, size) == rows
    for row, said in zip(rows, path, strict=True):
        siblings = chat.siblings(said)
        assert row.message.get("edited_from") == said.edited_from
        place = (row.sibling_index, row.sibling_count)
        assert place == (siblings.index(said), len(siblings)), f"{said.address}: {place} of {len(siblings)}"
        shown = await history.siblings(row.parent, row.address.depth, 3, row.gone)
        assert shown == [each.address for each in siblings[:3]]


async def _searches(db: AsyncDatabase[Record], tree: MessageTree, chats: list[Chat], random: Random) -> None:
    indexer = Indexer(db, fanout=2)
    while await indexer.take():
        pass
    await indexer.forget()
    for word in WORDS:
        found = await _found(MessageSearch(db, tree), word, random.randint(1, 9))
        there = [(chat.id, said.address) for chat in chats for said in chat.seen if word in (said.shown or "").split()]
        differ = [*(Counter(found) - Counter(there)), *(Counter(there) - Counter(found))]
        assert not differ, f"{word}: found {len(found)} of {len(there)}: {differ}"


async def _found(search: MessageSearch, word: str, size: int) -> list[tuple[PydanticObjectId, Address]]:
    hits: list[Any] = []
    place: Place | None = None
    more = True
    while more:
        page = await search.find(everybody(ANYBODY), SearchRequest(parse(word), MessageFilter(), size, place))
        hits += page.hits
        place, more = page.end, page.more
    keys = [MessageKey(hit.conversation.owner_id, hit.conversation.id, hit.row.address) for hit in hits]
    return [(key.conversation_id, key.address) for key in keys]


ANYBODY = PydanticObjectId()


async def _usage(db: AsyncDatabase[Record], chats: list[Chat]) -> None:
    report = await ask(db, UsageQuestion([UsageDimension.MODEL]))
    counted = Counter[Any]()
    used = Counter[Any]()
    for said in [said for chat in chats for said in chat.seen if said.shown is not None]:
        model = f"m{said.tokens % 2}" if said.tokens else None
        counted[(model,)] += 1
        used[(model,)] += said.tokens
    assert {key: (each.messages, each.tokens_used) for key, each in report.groups.items()} == {
        key: (counted[key], used[key]) for key in counted
    }
    assert report.total.messages == counted.total()
