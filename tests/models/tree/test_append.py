"""Appending and forking, alone and in a crowd."""

import asyncio

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits, Window
from models.tree.errors import (
    BranchNotFoundError,
    InvalidContentError,
    KeyReusedError,
    MessageNotFoundError,
    TooLargeError,
)
from tests.models.tree.conftest import started
from tests.models.tree.model import Model, compare, walk

ALICE, BOB = PydanticObjectId(), PydanticObjectId()


def says(content: str, key: str | None = None, author: PydanticObjectId = ALICE) -> Draft:
    return Draft(role=MessageRole.USER, content=content, author_id=author, idempotency_key=key)


async def fresh(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def grown(tree: MessageTree, conversation: Conversation, length: int) -> None:
    for number in range(length):
        await tree.append_at_end(conversation, MAIN, says(f"m{number}"))


async def test_messages_follow_each_other_and_fill_buckets(
    tree: MessageTree, conversation: Conversation, database: Database
) -> None:
    model = Model()
    parent: Address | None = None
    for number in range(11):
        appended = await tree.append(conversation, parent, says(f"m{number}"))
        model.add(parent, appended.address, f"m{number}")
        parent = appended.address
    assert parent == Address(MAIN, 10)
    await compare(tree, conversation, model)
    buckets = await database.db.buckets.find({}).sort("first_depth").to_list()
    assert [(b["first_depth"], len(b["messages"])) for b in buckets] == [(0, 4), (4, 4), (8, 3)]
    assert [b.get("tail") for b in buckets] == [None, None, MAIN]
    assert (await fresh(conversation)).message_count == 11


async def test_a_bucket_closes_at_its_size_too(
    tree: MessageTree, conversation: Conversation, database: Database
) -> None:
    for number in range(6):
        await tree.append_at_end(conversation, MAIN, says(f"{number}" * 1_500))
    sizes = [b["size"] async for b in database.db.buckets.find({})]
    assert len(sizes) == 3
    assert max(sizes) < 2_000 + 1_600
    rows = await walk(tree.history(conversation), MAIN, 2)
    assert [row.message["content"][0] for row in rows] == list("012345")


async def test_a_second_answer_forks_and_both_know_of_each_other(tree: MessageTree, conversation: Conversation) -> None:
    await grown(tree, conversation, 3)
    other = await tree.append(conversation, Address(MAIN, 1), says("another m2"))
    assert other.forked
    history = tree.history(conversation)
    rows = await history.rows([Address(MAIN, 2), other.address])
    assert [(r.sibling_index, r.sibling_count) for r in rows.values()] in ([(0, 2), (1, 2)], [(1, 2), (0, 2)])
    assert rows[Address(MAIN, 2)].sibling_index == 0
    assert await history.siblings(Address(MAIN, 1), 2, 10) == [Address(MAIN, 2), other.address]
    assert (await history.ends([other.address.branch]))[other.address.branch].forked_from == Address(MAIN, 1)


async def test_another_first_message_is_a_branch_of_its_own(tree: MessageTree, conversation: Conversation) -> None:
    await grown(tree, conversation, 2)
    model = Model()
    model.add(None, Address(MAIN, 0), "m0")
    model.add(Address(MAIN, 0), Address(MAIN, 1), "m1")
    for number in range(3):
        other = await tree.append(conversation, None, says(f"other {number}"))
        model.add(None, other.address, f"other {number}")
    await compare(tree, await fresh(conversation), model)
    assert (await fresh(conversation)).branch_count == 4


async def test_200_answers_to_one_message_are_all_kept(database: Database) -> None:
    tree = MessageTree(database.db, TreeLimits())
    conversation = await started(tree, 50)
    root = (await tree.append(conversation, None, says("question"))).address
    workers = [MessageTree(database.db, TreeLimits()) for _ in range(2)]
    answers = await asyncio.gather(
        *(workers[n % 2].append(conversation, root, says(f"answer {n}")) for n in range(200))
    )
    assert len({answer.address for answer in answers}) == 200
    assert sum(answer.forked for answer in answers) == 199
    rows = await tree.history(conversation).rows([answer.address for answer in answers])
    assert {row.message["content"] for row in rows.values()} == {f"answer {n}" for n in range(200)}
    assert sorted(row.sibling_index for row in rows.values()) == list(range(200))
    assert {row.sibling_count for row in rows.values()} == {200}
    counted = await fresh(conversation)
    assert (counted.message_count, counted.branch_count) == (201, 200)


async def test_a_crowd_at_the_end_of_a_branch_stays_on_it(tree: MessageTree, conversation: Conversation) -> None:
    await asyncio.gather(*(tree.append_at_end(conversation, MAIN, says(f"{n}", key=f"k{n}")) for n in range(40)))
    rows = await walk(tree.history(conversation), MAIN, 9)
    assert sorted(int(row.message["content"]) for row in rows) == list(range(40))
    assert (await fresh(conversation)).branch_count == 1


@pytest.mark.parametrize("parent", [Address(MAIN, 4), Address(MAIN, 1), None])
async def test_a_retry_gives_the_first_message_and_never_two(
    tree: MessageTree, conversation: Conversation, parent: Address | None
) -> None:
    await grown(tree, conversation, 5)
    tries = [await tree.append(conversation, parent, says("once", key="k")) for _ in range(3)]
    tries += await asyncio.gather(*(tree.append(conversation, parent, says("once", key="k")) for _ in range(10)))
    assert {each.address for each in tries} == {tries[0].address}
    assert [each.fresh for each in tries].count(True) == 1
    assert (await fresh(conversation)).message_count == 6


async def test_a_retry_at_the_end_finds_its_place_again_though_others_wrote(
    tree: MessageTree, conversation: Conversation
) -> None:
    await grown(tree, conversation, 2)
    first = await tree.append_at_end(conversation, MAIN, says("mine", key="k"))
    await tree.append_at_end(conversation, MAIN, says("theirs", author=BOB))
    again = await tree.append_at_end(conversation, MAIN, says("mine", key="k"))
    assert (again.address, again.fresh) == (first.address, False)
    crowd = await asyncio.gather(*(tree.append_at_end(conversation, MAIN, says("new", key="n")) for _ in range(12)))
    assert len({each.address for each in crowd}) == 1
    assert (await fresh(conversation)).message_count == 5


async def test_a_key_is_its_authors_own_and_says_one_thing(tree: MessageTree, conversation: Conversation) -> None:
    await grown(tree, conversation, 1)
    parent = Address(MAIN, 0)
    mine = await tree.append(conversation, parent, says("mine", key="k"))
    his = await tree.append(conversation, parent, says("his", key="k", author=BOB))
    assert mine.address != his.address
    with pytest.raises(KeyReusedError):
        await tree.append(conversation, parent, says("something else", key="k"))
    with pytest.raises(KeyReusedError):
        await tree.append(conversation, parent, says("something else", key="k", author=BOB))


@pytest.mark.parametrize(
    "parent", [Address(MAIN, 3), Address(MAIN, 99), Address("0123456789abcdef", 1), Address("0123456789abcdef", 0)]
)
async def test_an_answer_to_nothing_is_refused(tree: MessageTree, conversation: Conversation, parent: Address) -> None:
    await grown(tree, conversation, 3)
    with pytest.raises(MessageNotFoundError):
        await tree.append(conversation, parent, says("?"))
    assert (await fresh(conversation)).message_count == 3


async def test_an_address_before_a_branch_begins_is_nobodys(tree: MessageTree, conversation: Conversation) -> None:
    await grown(tree, conversation, 6)
    fork = await tree.append(conversation, Address(MAIN, 3), says("fork"))
    for depth in (0, 3):
        with pytest.raises(MessageNotFoundError):
            await tree.append(conversation, Address(fork.address.branch, depth), says("?"))
    with pytest.raises(BranchNotFoundError):
        await tree.append_at_end(conversation, "0123456789abcdef", says("?"))


async def test_messages_at_the_cap_pass_and_over_it_fail(tree: MessageTree, conversation: Conversation) -> None:
    whole = await tree.append(conversation, None, says("é" * 2_500))
    assert whole.message["content"] == "é" * 2_500
    with pytest.raises(TooLargeError) as over:
        await tree.append(conversation, whole.address, says("é" * 2_500 + "x"))
    assert (over.value.size, over.value.limit) == (5_001, 5_000)
    draft = Draft(MessageRole.USER, "x", metadata=Metadata(extra={"big": "x" * 500}))
    with pytest.raises(TooLargeError):
        await tree.append(conversation, whole.address, draft)
    assert (await fresh(conversation)).message_count == 1


@pytest.mark.parametrize("extra", [{"$gt": 1}, {"a.b": 1}, {"": 1}, {"a": float("nan")}, {"a": 2**70}, {"a\0": 1}])
async def test_metadata_that_a_database_could_misread_is_refused(
    tree: MessageTree, conversation: Conversation, extra: dict[str, object]
) -> None:
    with pytest.raises(InvalidContentError):
        await tree.append(conversation, None, Draft(MessageRole.USER, "x", metadata=Metadata(extra=extra)))


@pytest.mark.parametrize("content", ["$content", "$$ROOT", '{"$literal": 1}', "a\0b", "", "\ufeff", "👩‍👩‍👧"])
async def test_content_is_never_read_as_anything_but_text(
    tree: MessageTree, conversation: Conversation, content: str
) -> None:
    await tree.append(conversation, None, says("before"))
    appended = await tree.append_at_end(conversation, MAIN, says(content))
    page = await tree.history(conversation).page(MAIN, Window(last=1))
    assert page.rows[0].address == appended.address
    assert page.rows[0].message["content"] == content


async def test_half_a_surrogate_pair_is_refused(tree: MessageTree, conversation: Conversation) -> None:
    with pytest.raises(InvalidContentError):
        await tree.append(conversation, None, says("\ud800"))
