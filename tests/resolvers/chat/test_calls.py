"""What the queries of a chat cost, in database calls."""

import pytest

from tests.database_calls import database_calls
from tests.resolvers.chat.documents import APPEND, LIST, PAGE, append, chat, contents, nodes
from tests.served import Caller, Served


async def warm(caller: Caller) -> None:
    """Rules, rights and session are remembered for a second."""
    await caller.ask("{ me { id } }")


@pytest.fixture
async def alice(served: Served) -> Caller:
    return await served.as_("alice")


async def test_a_page_of_any_branch_is_two_calls_three_where_nothing_tells_its_end(alice: Caller) -> None:
    conversation, messages = await chat(alice, 5)
    fork = await append(alice, conversation, "fork", parentId=messages[2]["id"])
    nested = await append(alice, conversation, "nested", parentId=messages[0]["id"])
    pages = [
        {},
        {"last": 2},
        {"branch": fork["branch"]["id"], "last": 100},
        {"branch": nested["branch"]["id"], "first": 1},
        {"branch": messages[0]["branch"]["id"], "first": 2, "after": messages[1]["id"]},
    ]
    for arguments in pages:
        await warm(alice)
        with database_calls(own=True) as calls:
            answer = await alice.ask(PAGE, id=conversation, **arguments)
        assert contents(answer)
        assert [collection for _, collection in calls] in (CALLS[:2], CALLS), arguments
        with database_calls(own=True) as calls:
            assert (await alice.ask(PAGE, id=conversation, **arguments)).body == answer.body
        assert [collection for _, collection in calls] == CALLS[:2], "its end is remembered"


CALLS = ["conversations", "buckets", "buckets"]


async def test_a_page_with_everything_on_it_asks_once_for_each_kind(alice: Caller) -> None:
    conversation, messages = await chat(alice, 6)
    for _ in range(3):
        await append(alice, conversation, "fork", parentId=messages[1]["id"])
    document = """query ($id: ID!) { conversation(id: $id) { messages(last: 20) { edges { node {
      content author { displayName } parent { content author { displayName } } branch { id messageCount }
      metadata { llmModel } editedFrom { id } } } } } }"""
    await warm(alice)
    with database_calls(own=True) as calls:
        (await alice.ask(document, id=conversation)).data  # noqa: B018 - it asserts that there are no errors
    assert len(calls) <= 3 + 5
    assert sum(collection == "users" for _, collection in calls) == 1


async def test_a_list_of_conversations_is_a_few_calls_a_scope_and_then_one(served: Served, alice: Caller) -> None:
    """Three to find where in an index to read, and one to read, which is all that is needed of what is known to be
    little; all that is shared with somebody is one scope."""
    sara = await served.as_("sara")
    for _ in range(6):
        await chat(alice, 0, attributes={"region": "EMEA", "clearance_required": 1})
    for caller, scopes in ((alice, 2), (sara, 3)):
        await warm(caller)
        with database_calls(own=True) as calls:
            answer = await caller.ask(LIST, first=5)
        assert len(nodes(answer.data["conversations"])) == 5
        asked = [name for name, collection in calls if collection == "conversations"]
        assert len(asked) <= 4 * scopes, asked
        with database_calls(own=True) as calls:
            again = await caller.ask(LIST, first=5)
        assert nodes(again.data["conversations"]) == nodes(answer.data["conversations"])
        assert sum(collection == "conversations" for _, collection in calls) == scopes


async def test_an_append_is_one_write_and_the_count(alice: Caller) -> None:
    conversation, messages = await chat(alice, 3)
    sent = {"conversationId": conversation, "parentId": messages[2]["id"], "content": "x", "idempotencyKey": "k"}
    await warm(alice)
    with database_calls(own=True) as calls:
        (await alice.ask(APPEND.replace("author { displayName }", ""), input=sent)).data  # noqa: B018
    assert [each for each in calls if each[0] == "update"] == [("update", "buckets"), ("update", "conversations")]
    assert len(calls) <= 7


async def test_an_append_at_the_end_reads_nothing_but_the_conversation(alice: Caller) -> None:
    conversation, _ = await chat(alice, 3)
    document = """mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message {
      id depth role content createdAt status siblingCount siblingIndex metadata { llmModel } attachments { id } } } }"""
    await warm(alice)
    for depth in (3, 4):
        with database_calls(own=True) as calls:
            answer = await alice.ask(document, input={"conversationId": conversation, "content": "x"})
        message = answer.data["appendMessage"]["message"]
        assert (message["depth"], message["siblingCount"], message["siblingIndex"]) == (depth, 1, 0)
        assert calls == [("find", "conversations"), ("update", "buckets"), ("update", "conversations")]
