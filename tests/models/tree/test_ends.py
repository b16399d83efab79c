"""A page that comes on a guess is the page that comes without one, however wrong the guess is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from itertools import product

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, History, MessageTree, Window
from models.tree.buckets import Tail
from models.tree.ends import REMEMBERED, Ends
from models.tree.errors import BranchNotFoundError
from models.tree.lineage import Lineage, Segment
from models.tree.meter import Meter
from models.tree.page import Page
from models.tree.turns import Turns
from tests.models.tree.conftest import SMALL
from tests.models.tree.trees import line, nested, planted, sprout


def told(conversation: Conversation, branch: str, path: tuple[Segment, ...], length: int) -> Ends:
    """Somebody who takes the branch for so long, and its path for that."""
    ends = Ends()
    ends.note(conversation.id, branch, Tail(branch, 0, length, True, Lineage(path[-1], path[:-1])))
    return ends


async def paged(
    database: Database, conversation: Conversation, branch: str, window: Window, ends: Ends | None
) -> Page | type[BranchNotFoundError]:
    meter = Meter()
    try:
        page = await History(database.db, conversation, SMALL, Turns(), meter=meter, ends=ends).page(branch, window)
    except BranchNotFoundError:
        return BranchNotFoundError
    assert all(row.message["created_at"].tzinfo is UTC for row in page.rows)
    return page


def windows(length: int) -> Iterator[Window]:
    yield from (Window(first=3), Window(last=3), Window(first=100), Window(last=100), Window(last=0))
    middle = Address(MAIN, length // 2)
    yield from (Window(first=3, after=middle), Window(last=3, before=middle), Window(last=100, after=middle))


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def test_a_page_is_the_same_however_wrong_the_guess(tree: MessageTree, database: Database) -> None:
    length = 30
    conversation = await planted(tree, line(length))
    for window in windows(length):
        truth = await paged(database, conversation, MAIN, window, None)
        for guessed in (1, 3, 4, 5, 17, 21, 22, 23, 28, 29, 30, 31, 32, 33, 60):
            ends = told(conversation, MAIN, (Segment(MAIN, 0, 0),), guessed)
            assert await paged(database, conversation, MAIN, window, ends) == truth, (window, guessed)
            assert await paged(database, conversation, MAIN, window, ends) == truth, "and by what was learnt"


async def test_a_page_across_forks_is_the_same_by_another_branchs_path(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, nested(5))
    branch = conversation.chosen_branch
    first = await paged(database, conversation, branch, Window(last=100), None)
    assert isinstance(first, Page)
    assert len(first.rows) == 6
    true = tuple(Segment(row.address.branch, row.address.depth, 1) for row in first.rows)
    main = Segment(MAIN, 0, 0)
    for path, guessed in product(((main,), (main, Segment(branch, 2, 1)), (Segment(branch, 0, 1),), true), (2, 6, 9)):
        ends = told(conversation, branch, path, guessed)
        assert await paged(database, conversation, branch, Window(last=100), ends) == first, (path, guessed)
        assert await paged(database, conversation, branch, Window(last=2), ends) == replace(
            first, rows=first.rows[-2:], span=range(4, 6)
        )


async def test_what_was_removed_is_on_no_guessed_page(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, [*line(10), sprout(3, "fork")])
    ends = told(conversation, MAIN, (Segment(MAIN, 0, 0),), 10)
    await tree.remove(conversation, Address(MAIN, 6), None)
    conversation = await again(conversation)
    page = await paged(database, conversation, MAIN, Window(last=3), ends)
    assert isinstance(page, Page)
    assert [row.message["content"] for row in page.rows] == ["m3", "m4", "m5"]
    fork = conversation.chosen_branch
    assert isinstance(await paged(database, conversation, fork, Window(last=3), Ends()), Page)
    await tree.remove(conversation, Address(MAIN, 2), None)
    assert await paged(database, await again(conversation), fork, Window(last=3), ends) is BranchNotFoundError


async def test_a_bucket_that_a_crash_left_as_the_end_is_not_taken_for_it(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(20))
    truth = await paged(database, conversation, MAIN, Window(last=3), None)
    for first in (4, 8, 12):
        stale = {"tail": MAIN, "next_depth": first + 4, "open": False}
        await database.db.buckets.update_one(
            {"conversation_id": conversation.id, "slot": f"{MAIN}.{first // 4}", "first_depth": first}, {"$set": stale}
        )
    for guessed in range(1, 24):
        ends = told(conversation, MAIN, (Segment(MAIN, 0, 0),), guessed)
        assert await paged(database, conversation, MAIN, Window(last=3), ends) == truth, guessed


async def test_messages_that_come_meanwhile_are_on_the_page(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(3))
    for number in range(3, 30):
        draft = Draft(MessageRole.USER, f"m{number}", author_id=conversation.owner_id)
        await tree.append_at_end(await again(conversation), MAIN, draft)
        page = await tree.history(conversation).page(MAIN, Window(last=2))  # by what was read before, and is older
        assert [row.message["content"] for row in page.rows] == [f"m{number - 1}", f"m{number}"]


async def test_a_guess_that_would_read_too_much_is_given_up(
    tree: MessageTree, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await planted(tree, line(20))
    truth = await paged(database, conversation, MAIN, Window(last=3), None)
    monkeypatch.setattr("models.tree.buckets.LITTLE", 5)
    assert await paged(database, conversation, MAIN, Window(last=3), Ends()) == truth


async def test_what_is_read_is_counted_once_with_a_guess_and_without(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(20))
    for ends in (None, Ends(), told(conversation, MAIN, (Segment(MAIN, 0, 0),), 2)):
        enough = Meter(4 * (256 + len("m19")))  # three messages, and the one before
        await History(database.db, conversation, SMALL, Turns(), meter=enough, ends=ends).page(MAIN, Window(last=3))
        assert not enough.fits(1)


async def test_few_branches_are_remembered(conversation: Conversation) -> None:
    ends = Ends()
    own = Segment(MAIN, 0, 0)
    for number in range(REMEMBERED + 10):
        ends.note(PydanticObjectId(f"{number:024x}"), MAIN, Tail(MAIN, 0, 9, True, Lineage(own)))
    assert len(ends._known) == REMEMBERED
    deep = Lineage(Segment("0" * 16, 99, 1), tuple(Segment(f"{n:016x}", n, 1) for n in range(50)))
    ends.note(conversation.id, "0" * 16, Tail("0" * 16, 99, 100, True, deep))
    assert ends.guess(conversation, "0" * 16, Window(last=3)) is None


async def test_a_message_of_an_older_shape_is_read(tree: MessageTree, database: Database) -> None:
    """With nulls where newer ones have nothing, and without what came later."""
    conversation = await planted(tree, line(1))
    message = (await database.db.buckets.find_one({"conversation_id": conversation.id}) or {})["messages"][0]
    nulls = dict.fromkeys(("deleted_at", "metadata", "edited_from", "author_id", "attachments"))
    old = {name: message[name] for name in ("depth", "role", "content", "created_at")} | nulls
    await database.db.buckets.update_one({"conversation_id": conversation.id}, {"$set": {"messages": [old]}})
    page = await tree.history(conversation).page(MAIN, Window(last=3))
    assert (page.rows[0].message["content"], page.rows[0].message["created_at"]) == ("m0", message["created_at"])
