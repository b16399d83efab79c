"""Deleting and restoring as clients see it."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.chat.events import channel
from resolvers.ids import object_id
from resolvers.live import Event
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import PAGE, append, chat, contents, nodes, start
from tests.served import Caller, Served, schema

DELETE = """mutation ($id: ID!, $mode: DeleteMode) { deleteMessage(input: {messageId: $id, mode: $mode}) {
  messageId conversation { messageCount branchCount deletedSubtrees { messageId messageCount } } } }"""
RESTORE = """mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) {
  message { content deletedAt siblingCount } } }"""
CLOSE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
REOPEN = "mutation ($id: ID!) { restoreConversation(input: {conversationId: $id}) { conversation { id title } } }"
TRASH = """query ($first: Int, $after: String) { deletedConversations(first: $first, after: $after) {
  edges { node { id title deletedAt messageCount } } pageInfo { hasNextPage endCursor } } }"""
PUT = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { permissionsToken } }"
MESSAGE = """query ($id: ID!) { node(id: $id) { ... on Message {
  content deletedAt metadata { llmModel } siblingCount author { displayName } children: siblings { id } } } }"""
CONVERSATION = "query ($id: ID!) { conversation(id: $id) { id } }"
AUDIT = """query ($kind: String) { auditEvents(filter: {kind: $kind}) { edges { node {
  kind resourceId actor { displayName } before after } } } }"""


async def message(caller: Caller, id_: str) -> Any:
    return (await caller.ask(MESSAGE, id=id_)).data["node"]


async def test_a_tombstone_says_nothing_to_anybody_and_can_be_restored(served: Served) -> None:
    alice, root = await served.as_("alice"), await served.as_("root")
    conversation, messages = await chat(alice, 3)
    spoken = await append(alice, conversation, "secret", metadata={"llmModel": "m"})
    await append(alice, conversation, "after")
    deleted = (await alice.ask(DELETE, id=spoken["id"])).data["deleteMessage"]
    assert deleted["conversation"]["messageCount"] == 5
    for caller in (alice, root):
        shown = await message(caller, spoken["id"])
        assert shown["deletedAt"]
        assert (shown["content"], shown["metadata"]) == (None, None)
        assert contents(await caller.ask(PAGE, id=conversation)) == ["m0", "m1", "m2", None, "after"]
    restored = (await alice.ask(RESTORE, id=spoken["id"])).data["restoreMessage"]["message"]
    assert (restored["content"], restored["deletedAt"]) == ("secret", None)
    assert (await message(alice, spoken["id"]))["metadata"] == {"llmModel": "m"}
    assert messages


async def test_a_removed_subtree_is_as_if_it_had_never_been_until_it_is_restored(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 4)
    fork = await append(alice, conversation, "fork", parentId=messages[1]["id"])
    under = await append(alice, conversation, "under it", parentId=fork["id"])
    gone = (await alice.ask(DELETE, id=fork["id"], mode="SUBTREE")).data["deleteMessage"]["conversation"]
    assert gone == {
        "messageCount": 4,
        "branchCount": 1,
        "deletedSubtrees": [{"messageId": fork["id"], "messageCount": 2}],
    }
    assert [await message(alice, each["id"]) for each in (fork, under)] == [None, None]
    # She was on it: she is left on the branch that it had left.
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "m1", "m2", "m3"]
    assert (await alice.ask(PAGE, id=conversation, branch=fork["branch"]["id"])).codes == ["NOT_FOUND"]
    assert (await append(alice, conversation, "m4"))["depth"] == 4
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        await append(alice, conversation, "below it", parentId=under["id"])
    again = (await alice.ask(DELETE, id=fork["id"], mode="SUBTREE")).data["deleteMessage"]["conversation"]
    assert again["messageCount"] == 5
    restored = (await alice.ask(RESTORE, id=fork["id"])).data["restoreMessage"]["message"]
    assert restored == {"content": "fork", "deletedAt": None, "siblingCount": 2}
    assert (await message(alice, under["id"]))["content"] == "under it"


async def test_who_may_only_read_can_neither_delete_nor_restore(served: Served) -> None:
    alice, sara, guest = [await served.as_(name) for name in ("alice", "sara", "guest")]
    attributes = {"region": "EMEA", "clearance_required": 1}
    conversation, messages = await chat(alice, 2, attributes=attributes)
    for caller, code in ((sara, "FORBIDDEN"), (guest, "NOT_FOUND")):
        for document in (DELETE, RESTORE):
            assert (await caller.ask(document, id=messages[1]["id"])).codes == [code]
        assert (await caller.ask(CLOSE, id=conversation)).codes == [code]
    await alice.ask(CLOSE, id=conversation)
    for caller, code in ((sara, "FORBIDDEN"), (guest, "NOT_FOUND"), (served.nobody, "UNAUTHENTICATED")):
        assert (await caller.ask(REOPEN, id=conversation)).codes == [code]
    assert nodes((await sara.ask(TRASH)).data["deletedConversations"]) == []
    assert (await served.nobody.ask(TRASH)).codes == ["UNAUTHENTICATED"]


async def test_a_deleted_conversation_lies_in_the_trash_without_its_messages(served: Served) -> None:
    alice = await served.as_("alice")
    ids = [(await chat(alice, 1, title=f"t{number}"))[0] for number in range(3)]
    for id_ in ids:
        await alice.ask(CLOSE, id=id_)
    first = (await alice.ask(TRASH, first=2)).data["deletedConversations"]
    assert [each["title"] for each in nodes(first)] == ["t2", "t1"]
    rest = (await alice.ask(TRASH, after=first["pageInfo"]["endCursor"])).data["deletedConversations"]
    assert [each["title"] for each in nodes(rest)] == ["t0"]
    assert (await alice.ask(CONVERSATION, id=ids[0])).data == {"conversation": None}
    assert (await alice.ask(REOPEN, id=ids[0])).data["restoreConversation"]["conversation"]["title"] == "t0"
    assert contents(await alice.ask(PAGE, id=ids[0])) == ["m0"]


async def test_pages_of_the_trash_are_full_where_one_may_delete_more_than_one_reads(served: Served) -> None:
    alice, root = await served.as_("alice"), await served.as_("root")
    for number in range(12):
        region = "EMEA" if number % 4 == 0 else "APAC"
        await alice.ask(CLOSE, id=await start(alice, title=f"t{number}", attributes={"region": region}))
    policy = {"name": "regional", "effect": "DENY", "actions": ["conversation:read"]}
    assert (await root.ask(PUT, input={**policy, "unless": 'resource.region == "EMEA"'})).data
    pages, after, more = [], None, True
    while more:
        trash = (await alice.ask(TRASH, first=2, after=after)).data["deletedConversations"]
        pages.append([each["title"] for each in nodes(trash)])
        after, more = trash["pageInfo"]["endCursor"], trash["pageInfo"]["hasNextPage"]
    assert pages == [["t8", "t4"], ["t0"]]
    assert (await root.ask(PUT, input={**policy, "name": "no"})).data
    assert nodes((await alice.ask(TRASH)).data["deletedConversations"]) == []


async def test_deletions_are_told_live_and_written_down_without_a_word_of_the_message(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    conversation, messages = await chat(alice, 2)
    stored_id = object_id(conversation, "Conversation")
    broker = served.services.broker
    async with broker.subscribe(channel(stored_id)) as news, asyncio.timeout(10):
        await alice.ask(DELETE, id=messages[1]["id"])
        await alice.ask(RESTORE, id=messages[1]["id"])
        await alice.ask(CLOSE, id=conversation)
        told = [await anext(news) for _ in range(3)]
    assert [item.payload for item in told if isinstance(item, Event)] == [
        b'{"deleted":"main.1"}',
        b'{"changed":"main.1"}',
        b'{"conversation":true}',
    ]
    for kind, after in (
        ("message.deleted.tombstone", {"address": "main.1"}),
        ("message.restored", {"address": "main.1"}),
        ("conversation.deleted", None),
    ):
        (event,) = nodes((await admin.ask(AUDIT, kind=kind)).data["auditEvents"])
        assert event["resourceId"] == conversation
        assert event["actor"] == {"displayName": "Alice"}
        assert (event["before"], event["after"]) == (None, after)


WATCH = """subscription ($id: ID!, $after: String) { conversationEvents(conversationId: $id, after: $after) {
  __typename cursor ... on MessageDeleted { messageId } ... on MessageChanged { message { content } }
  ... on MessageAdded { message { content } } ... on AccessRevoked { reason } } }"""


async def test_a_subscriber_hears_of_deletions_and_his_subscription_ends_with_the_conversation(served: Served) -> None:
    alice, sara = await served.as_("alice"), served.people["sara"]
    conversation, messages = await chat(alice, 2, attributes={"region": "EMEA", "clearance_required": 1})
    access = await served.services.permissions.access(Principal(sara.id, new_id()))
    on_socket = replace(context(served, "sara", access), socket=True, cutoff=Cutoff())
    stream = await schema().subscribe(WATCH, {"id": conversation, "after": "0-0"}, context_value=on_socket)
    async with asyncio.timeout(20), aclosing(cast(Any, stream)) as events:
        assert (await anext(events)).data["conversationEvents"]["__typename"] == "ResyncRequired"
        await alice.ask(DELETE, id=messages[1]["id"])
        told = (await anext(events)).data["conversationEvents"]
        assert (told["__typename"], told["messageId"]) == ("MessageDeleted", messages[1]["id"])
        await alice.ask(RESTORE, id=messages[1]["id"])
        told = (await anext(events)).data["conversationEvents"]
        assert (told["__typename"], told["message"]) == ("MessageChanged", {"content": "m1"})
        await alice.ask(CLOSE, id=conversation)
        assert (await anext(events)).data["conversationEvents"]["__typename"] == "AccessRevoked"
        with pytest.raises(StopAsyncIteration):
            await anext(events)
