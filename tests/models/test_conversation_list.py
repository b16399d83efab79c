"""Lists of conversations, cut into pages."""

import asyncio
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from beanie import PydanticObjectId

from models.conversation import Conversation
from models.conversation_list import (
    ConversationFilter,
    ConversationOrder,
    ListRequest,
    Place,
    Scope,
    list_conversations,
    place,
)
from models.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERYTHING = [Scope({}, {})]


@pytest.mark.parametrize("order", ConversationOrder)
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_conversations_of_one_instant_are_on_some_page_and_on_one_only(
    database: Database, order: ConversationOrder, size: int
) -> None:
    ids = [PydanticObjectId(f"{n:024x}") for n in range(8)]
    for n, id_ in enumerate(ids):
        time = NOON + timedelta(milliseconds=n // 3)
        await Conversation(
            id=id_, owner_id=PydanticObjectId(), started_at=time, updated_at=time, slot_width=50
        ).insert()

    for backwards in (False, True):
        found: list[PydanticObjectId] = []
        edge: Place | None = None
        more = True
        while more:
            request = ListRequest(order, size, None if backwards else edge, edge if backwards else None, backwards)
            page = await list_conversations(database.db, EVERYTHING, ConversationFilter(), request)
            shown = [each.id for each in page.conversations]
            found = shown + found if backwards else found + shown
            edge, more = place(page.conversations[0 if backwards else -1], order), page.more
        assert found == (ids[::-1] if order.descending else ids)


async def test_a_list_that_is_given_up_has_begun_nothing_that_waits_for_its_turn(database: Database) -> None:
    scopes = [Scope({"owner_id": PydanticObjectId()}, {}) for _ in range(100)]
    request = ListRequest(ConversationOrder.UPDATED_DESC, 5)
    listing = asyncio.create_task(list_conversations(database.db, scopes, ConversationFilter(), request))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        while len(asyncio.all_tasks()) < len(scopes):  # noqa: ASYNC110 (nothing tells that they wait)
            await asyncio.sleep(0)
        listing.cancel()
        await asyncio.gather(listing, return_exceptions=True)
        assert listing.cancelled()
    assert not [each for each in warned if "never awaited" in str(each.message)]
