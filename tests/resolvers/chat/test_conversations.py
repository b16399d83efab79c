"""Conversations over HTTP: start, change, delete, list."""

from base64 import urlsafe_b64decode

import pytest

from resolvers.ids import encode, object_id
from tests.resolvers.chat.documents import LIST, START, append, chat, nodes, start
from tests.served import Caller, Served

UPDATE = """
mutation ($input: UpdateConversationInput!) {
  updateConversation(input: $input) { conversation { id title tags attributes archived } }
}"""
DELETE = "mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { conversationId } }"


async def titles(caller: Caller, **variables: object) -> list[str]:
    answer = await caller.ask(LIST, **variables)
    return [node["title"] for node in nodes(answer.data["conversations"])]


async def test_what_is_left_out_of_an_update_stays(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice, title="Old", tags=["a"], attributes={"region": "EMEA"})
    answer = await alice.ask(UPDATE, input={"conversationId": conversation, "title": "New", "archived": True})
    assert answer.data["updateConversation"]["conversation"] == {
        "id": conversation,
        "title": "New",
        "tags": ["a"],
        "attributes": {"region": "EMEA"},
        "archived": True,
    }
    answer = await alice.ask(UPDATE, input={"conversationId": conversation, "title": None, "tags": []})
    changed = answer.data["updateConversation"]["conversation"]
    assert (changed["title"], changed["tags"], changed["archived"]) == (None, [], True)


@pytest.mark.parametrize(
    "input",
    [
        {"title": "x" * 301},
        {"tags": ["x"] * 1 + [f"t{n}" for n in range(40)]},
        {"tags": [""]},
        {"attributes": {"$gt": 1}},
        {"attributes": {"a.b": 1}},
        {"attributes": [1]},
        {"attributes": {"a": "x" * 20_000}},
    ],
)
async def test_odd_titles_tags_and_attributes_are_refused(served: Served, input: dict[str, object]) -> None:
    alice = await served.as_("alice")
    assert (await alice.ask(START, input=input)).codes == ["BAD_USER_INPUT"]
    assert await titles(alice) == []


async def test_a_deleted_conversation_is_gone_for_everybody(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    conversation, messages = await chat(alice, 2)
    assert (await alice.ask(DELETE, input={"conversationId": conversation})).data
    for caller in (alice, admin):
        for each in (conversation, messages[0]["id"], messages[0]["branch"]["id"]):
            assert (await caller.ask("query ($id: ID!) { node(id: $id) { id } }", id=each)).data == {"node": None}
        assert await titles(caller) == []
    assert (await alice.ask(DELETE, input={"conversationId": conversation})).codes == ["NOT_FOUND"]


async def test_lists_go_both_ways_and_stay_in_order(served: Served) -> None:
    alice = await served.as_("alice")
    for number in range(5):
        await start(alice, title=f"c{number}")
    seen, after = [], None
    while True:
        connection = (await alice.ask(LIST, first=2, after=after)).data["conversations"]
        seen += [node["title"] for node in nodes(connection)]
        after = connection["pageInfo"]["endCursor"]
        if not connection["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["c4", "c3", "c2", "c1", "c0"]
    last = (await alice.ask(LIST, last=2)).data["conversations"]
    assert [node["title"] for node in nodes(last)] == ["c1", "c0"]
    assert last["pageInfo"]["hasPreviousPage"]
    before = last["pageInfo"]["startCursor"]
    assert await titles(alice, last=2, before=before) == ["c3", "c2"]
    assert await titles(alice, by="STARTED_ASC") == ["c0", "c1", "c2", "c3", "c4"]
    assert (await alice.ask(LIST, after=before, by="STARTED_ASC")).codes == ["BAD_USER_INPUT"]


async def test_the_latest_change_comes_first(served: Served) -> None:
    alice = await served.as_("alice")
    old = await start(alice, title="old")
    await start(alice, title="new")
    await append(alice, old, "up again")
    assert await titles(alice) == ["old", "new"]


async def test_filters_narrow_the_list(served: Served) -> None:
    alice = await served.as_("alice")
    await start(alice, title="Sales in ÉMEA", tags=["sales", "q3"])
    quiet = await start(alice, title="Quiet", tags=["q3"])
    await alice.ask(UPDATE, input={"conversationId": quiet, "archived": True})
    cases = [
        ({"tagsAll": ["sales", "q3"]}, ["Sales in ÉMEA"]),
        ({"tagsAny": ["sales", "q3"]}, ["Quiet", "Sales in ÉMEA"]),
        ({"tagsAny": []}, []),
        ({"archived": True}, ["Quiet"]),
        ({"archived": False}, ["Sales in ÉMEA"]),
        ({"titleContains": "émea"}, ["Sales in ÉMEA"]),
        ({"titleContains": ".*"}, []),
        ({"titleContains": "$"}, []),
        ({"startedAfter": "2020-01-01T00:00:00Z"}, ["Quiet", "Sales in ÉMEA"]),
        ({"startedBefore": "2020-01-01T00:00:00+01:00"}, []),
    ]
    for wanted, expected in cases:
        assert await titles(alice, filter=wanted) == expected, wanted
    for odd in ("2020-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert (await alice.ask(LIST, filter={"startedAfter": odd})).codes == ["BAD_USER_INPUT"], odd


async def test_a_cursor_of_a_list_tells_nothing_and_is_good_for_nobody_else(served: Served) -> None:
    """It may hold the place of what only the server saw: of a conversation that one may not read, or its time."""
    alice, bob = await served.as_("alice"), await served.as_("bob")
    titled = [await start(alice, title=each) for each in ("one", "two")]
    cursor = (await alice.ask(LIST, first=1)).data["conversations"]["pageInfo"]["endCursor"]
    stored_id = object_id(titled[1], "Conversation")
    plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert str(stored_id).encode() not in plain
    assert stored_id.binary not in plain
    assert await titles(alice, after=cursor) == ["one"]
    made_up = encode("Place", "updated_at", 1_700_000_000_000, "0" * 24)
    for caller, arguments in (
        (bob, {"after": cursor}),
        (alice, {"after": cursor, "by": "STARTED_DESC"}),
        (alice, {"after": made_up}),
        (alice, {"before": made_up}),
        (alice, {"after": ""}),
        (alice, {"after": cursor[:-2]}),
    ):
        assert (await caller.ask(LIST, **arguments)).codes == ["BAD_USER_INPUT"], arguments


async def test_no_redirect_is_built_from_the_host_that_a_client_names(served: Served) -> None:
    answer = await served.http.get("/graphql/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_everybody_lists_just_what_he_may_read(served: Served) -> None:
    callers = {name: await served.as_(name) for name in served.people}
    for name in ("alice", "bob", "sara", "john", "guest"):
        region = served.people[name].attributes["region"]
        for clearance in (1, 3):
            attributes = {"region": region, "clearance_required": clearance}
            await start(callers[name], title=f"{name} {clearance}", attributes=attributes)
    everything = {f"{name} {c}" for name in ("alice", "bob", "sara", "john", "guest") for c in (1, 3)}
    expected = {name: {title for title in everything if title.startswith(name)} for name in callers}
    expected |= {"admin": everything, "root": everything}
    expected["sara"] |= {"alice 1", "alice 3", "guest 1", "guest 3"}
    for name, caller in callers.items():
        assert set(await titles(caller)) == expected[name], name
