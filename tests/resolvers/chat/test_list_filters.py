"""Filters of lists: what is written a moment ago is found, names and values are nothing but that, limits are told."""

from typing import Any

import pytest

from models import conversation_list, list_terms
from tests.resolvers.chat.documents import LIST, start
from tests.served import Caller, Served

UPDATE = "mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }"
ATTRIBUTES = {
    "region": "EMEA",
    "level": 1,
    "open": True,
    "teams": ["a", "b"],
    "weight": 0.5,
    "none": None,
    "deep": {"a": 1},
}


async def found(caller: Caller, **wanted: Any) -> list[str]:
    answer = await caller.ask(LIST, filter=wanted)
    return [edge["node"]["title"] for edge in answer.data["conversations"]["edges"]]


EQUALS = [
    ("region", "EMEA", True),
    ("region", "emea", False),
    ("level", 1, True),
    ("level", 1.0, True),
    ("level", "1", False),
    ("level", True, False),
    ("open", True, True),
    ("open", 1, False),
    ("open", "true", False),
    ("teams", "b", True),
    ("teams", "c", False),
    ("weight", 0.5, True),
    ("none", "null", False),
    ("missing", "", False),
    ("region", "$ne", False),
    ("region", ".*", False),
    ("region", "EMEA\0", False),
]


async def test_an_attribute_equals_what_it_is(served: Served) -> None:
    alice = await served.as_("alice")
    await start(alice, title="it", attributes=ATTRIBUTES)
    for name, value, is_found in EQUALS:
        assert await found(alice, attributes=[{"name": name, "equals": value}]) == ["it"] * is_found, (name, value)


async def test_what_is_no_name_or_no_value_is_refused(served: Served) -> None:
    alice = await served.as_("alice")
    names = [[{"name": name, "equals": 1}] for name in ("", "$where", "a.b", "a\0b")]
    values = [[{"name": "a", "equals": value}] for value in (None, {"$ne": 1}, [1], "x" * 301, 2**63)]
    for attributes in (*names, *values, [{"name": "a", "equals": 1}] * 9):
        answer = await alice.ask(LIST, filter={"attributes": attributes})
        assert answer.codes in (["BAD_USER_INPUT"], ["GRAPHQL_VALIDATION_FAILED"]), attributes


async def test_a_list_finds_what_was_changed_by_what_it_is_now(served: Served) -> None:
    alice = await served.as_("alice")
    chat = await start(alice, title="Straße", tags=["old"], attributes={"a": 1})
    change = {"conversationId": chat, "title": "New name", "tags": ["$new", "a.b"], "attributes": {"a": "x"}}
    assert await found(alice, titleContains="STRASS") == ["Straße"]
    await alice.ask(UPDATE, input=change)
    wanted: dict[str, Any]
    for wanted in ({"titleContains": "stra"}, {"tagsAll": ["old"]}, {"attributes": [{"name": "a", "equals": 1}]}):
        assert await found(alice, **wanted) == [], wanted
    for wanted in (
        {"titleContains": "W NA"},
        {"titleContains": "w"},
        {"tagsAll": ["a.b", "$new"]},
        {"tagsAny": ["old", "$new"]},
        {"attributes": [{"name": "a", "equals": "x"}]},
        {"archived": False},
    ):
        assert await found(alice, **wanted) == ["New name"], wanted
    await alice.ask(UPDATE, input={"conversationId": chat, "archived": True})
    assert await found(alice, archived=False) == []
    assert await found(alice, archived=True, tagsAll=["$new"]) == ["New name"]
    assert await found(await served.as_("sara"), archived=True) == []


async def test_a_short_page_tells_where_to_go_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_terms, "SAMPLE", 2)
    monkeypatch.setattr(conversation_list, "BUDGET", 4)
    monkeypatch.setattr(conversation_list, "LEAST_BUDGET", 4)
    alice = await served.as_("alice")
    for number in range(60):
        await start(alice, title="qx" if number in (0, 41, 59) else "other")
    shown, cursors, after = 0, set(), None
    while True:
        page = (await alice.ask(LIST, first=2, after=after, filter={"titleContains": "qx"})).data["conversations"]
        shown += len(page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        assert after not in cursors
        cursors.add(after)
    assert shown == 3
    assert len(cursors) > 2


async def test_too_many_values_to_be_found_by_are_refused(served: Served) -> None:
    alice = await served.as_("alice")
    for attributes in ({f"a{n}": n for n in range(201)}, {"a": list(range(201))}):
        answer = await alice.ask(
            "mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }",
            input={"attributes": attributes},
        )
        assert answer.codes == ["BAD_USER_INPUT"]
