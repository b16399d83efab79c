"""`searchMessages`: what may be read is found, and nothing of the rest shows."""

from typing import Any

import pytest

from resolvers.ids import encode
from tests.resolvers.chat.documents import append, chat, start
from tests.served import Answer, Caller, Served

SEARCH = """
query ($text: String!, $first: Int, $after: String, $filter: MessageSearchFilter) {
  searchMessages(query: $text, first: $first, after: $after, filter: $filter) {
    edges { cursor snippet score node { id content } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    complete
  }
}"""
DELETE = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
RESTORE = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { id } } }"


async def search(caller: Caller, query: str, **more: Any) -> Any:
    """What comes back, without errors."""
    return (await caller.ask(SEARCH, text=query, **more)).data["searchMessages"]


def contents(found: Any) -> list[str]:
    return [edge["node"]["content"] for edge in found["edges"]]


async def index(served: Served) -> None:
    while await served.indexer.take():
        pass


async def test_a_message_is_found_with_what_it_was_found_for(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    await append(alice, conversation, "The <b>foxes</b> were running & jumping")
    await append(alice, conversation, "of birds")
    await index(served)
    found = await search(alice, "fox run")
    assert [edge["snippet"] for edge in found["edges"]] == [
        "The &lt;b&gt;<mark>foxes</mark>&lt;/b&gt; were <mark>running</mark> &amp; jumping"
    ]
    assert found["edges"][0]["score"] > 0
    assert found["pageInfo"]["hasNextPage"] is False
    assert found["complete"] is True


async def test_everybody_finds_what_he_may_read_and_nothing_else(served: Served) -> None:
    callers = {name: await served.as_(name) for name in ("alice", "sara", "admin", "guest", "john")}
    for number, (region, clearance) in enumerate([("EMEA", 1), ("EMEA", 99), ("AMER", 1), ("APAC", 2)]):
        attributes = {"region": region, "clearance_required": clearance}
        await chat_about(callers["alice"], f"zebra {number}", attributes)
        await chat_about(callers["john"], f"zebra {number + 10}", attributes)
    await index(served)
    document = "query ($after: String) { conversations(first: 100, after: $after) { edges { node { id } } } }"
    for caller in callers.values():
        answer: Answer = await caller.ask(document)
        readable = {edge["node"]["id"] for edge in answer.data["conversations"]["edges"]}
        found = await search(caller, "zebra", first=100)
        homes = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { id content } } }"
        nodes = (await caller.ask(homes, ids=[edge["node"]["id"] for edge in found["edges"]])).data["nodes"]
        assert [node["content"] for node in nodes] == contents(found)
        assert len(found["edges"]) == len(readable)
        one_by_one, after = [], None
        while True:
            page = await search(caller, "zebra", first=1, after=after)
            one_by_one += contents(page)
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert one_by_one == contents(found)


async def chat_about(caller: Caller, text: str, attributes: dict[str, Any]) -> None:
    await append(caller, await start(caller, attributes=attributes), text)


async def test_nothing_tells_of_what_others_have_written(served: Served) -> None:
    """Score, cursor's length, page and completeness are the same, whatever others have written."""
    alice, john = await served.as_("alice"), await served.as_("john")
    await chat_about(alice, "zebra and lion", {})
    await index(served)
    before = await search(alice, "zebra lion")
    for number in range(20):
        await chat_about(john, f"zebra {number} zebra", {})
    await index(served)
    after = await search(alice, "zebra lion")
    for found in (before, after):
        for edge in found["edges"]:
            edge["cursor"] = len(edge["cursor"])
        found["pageInfo"] = {name: len(str(value)) for name, value in found["pageInfo"].items()}
    assert before == after


async def test_a_deleted_message_is_gone_at_once_and_back_when_it_is_restored(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    message = await append(alice, conversation, "zebra")
    await index(served)
    assert contents(await search(alice, "zebra")) == ["zebra"]
    assert (await alice.ask(DELETE, id=message["id"])).data
    assert contents(await search(alice, "zebra")) == []
    assert (await alice.ask(RESTORE, id=message["id"])).data
    assert contents(await search(alice, "zebra")) == ["zebra"]


async def test_who_may_not_see_metadata_cannot_search_by_it(served: Served) -> None:
    for name, sees in (("john", False), ("alice", True)):
        caller = await served.as_(name)
        await append(caller, await start(caller), "zebra", metadata={"llmModel": "gpt-4"})
        await index(served)
        assert contents(await search(caller, "zebra", filter={"llmModel": "gpt-4"})) == ["zebra"] * sees
        assert contents(await search(caller, "zebra")) == ["zebra"]


async def test_a_filter_that_names_what_one_may_not_see_finds_nothing(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, _ = await chat(alice, 1)
    await index(served)
    nowhere = encode("Conversation", "0" * 24)
    answers = [await search(guest, "m0", filter={"conversationId": id_}) for id_ in (conversation, nowhere)]
    assert answers[0] == answers[1]
    assert contents(await search(alice, "m0", filter={"conversationId": conversation})) == ["m0"]


@pytest.mark.parametrize(
    "query",
    ["", " ", "-x", '"', "'", "x" * 1_001, "a " * 10_000, "\0", "- - -", '"" ""', " ".join(f"w{n}" for n in range(33))],
)
async def test_a_query_that_asks_for_nothing_or_too_much_is_refused(served: Served, query: str) -> None:
    alice = await served.as_("alice")
    assert (await alice.ask(SEARCH, text=query)).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "query",
    [
        "a\0b",
        '"never closed',
        'x" y" z',
        ".*",
        "(a|b)+$",
        '{"$where": "1"} $ne',
        "‮שלום مرحبا",
        "🦓 a",
        "ﬁ ½ ٣",
        "a" * 1_000,
        "é" * 1_000,
        "--x x",
        "e\u0301" * 300,
        "東京" * 10,
    ],
)
async def test_any_other_query_is_only_text(served: Served, query: str) -> None:
    alice = await served.as_("alice")
    await append(alice, await start(alice), "quiet")
    await append(alice, await start(alice), query)
    await index(served)
    answer = await alice.ask(SEARCH, text=query)
    assert answer.codes in ([], ["BAD_USER_INPUT"])
    if not answer.codes:
        assert "quiet" not in contents(answer.data["searchMessages"])


async def test_a_cursor_is_good_for_its_own_search_and_reader_only(served: Served) -> None:
    alice, john = await served.as_("alice"), await served.as_("john")
    for _ in range(3):
        await chat_about(alice, "zebra lion", {})
    await index(served)
    cursor = (await search(alice, "zebra", first=1))["pageInfo"]["endCursor"]
    assert len((await search(alice, "zebra", first=5, after=cursor))["edges"]) == 2
    forged = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    for caller, query, after in (
        (john, "zebra", cursor),
        (alice, "lion", cursor),
        (alice, "zebra", forged),
        (alice, "zebra", ""),
        (alice, "zebra", "x" * 5_000),
        (alice, "zebra", "é"),
    ):
        assert (await caller.ask(SEARCH, text=query, after=after)).codes == ["BAD_USER_INPUT"]


async def test_one_request_asks_for_a_few_searches_only(served: Served) -> None:
    alice = await served.as_("alice")
    for number, codes in ((5, []), (9, ["BAD_USER_INPUT"])):
        document = " ".join(f's{n}: searchMessages(query: "x") {{ complete }}' for n in range(number))
        assert (await alice.ask(f"{{ {document} }}")).codes[:1] == codes


async def test_nobody_searches_nothing(served: Served) -> None:
    assert (await served.nobody.ask(SEARCH, text="x")).codes == ["UNAUTHENTICATED"]
