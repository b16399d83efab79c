"""Alice uses what GraphiQL offers about her conversations: `conversations.mjs` clicks, the tests judge what it saw."""

from typing import Any

import pytest

from tests.api.browser.conftest import Walk


@pytest.fixture(scope="module")
def seen(walk: Walk) -> dict[str, Any]:
    found = walk("conversations.mjs")
    assert found["problems"] == []
    return found


def messages(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in answer["data"]["conversation"]["messages"]["edges"]]


def test_search_finds_messages_with_what_was_found_marked(seen: dict[str, Any]) -> None:
    edges = seen["found"]["data"]["searchMessages"]["edges"]
    assert len(edges) == 5
    assert all("<mark>" in edge["snippet"] for edge in edges)
    assert [edge["score"] for edge in edges] == sorted((edge["score"] for edge in edges), reverse=True)


def test_what_is_deleted_in_the_middle_leaves_its_place_and_what_follows(seen: dict[str, Any]) -> None:
    assert "errors" not in seen["deleted"]
    before, meanwhile = messages(seen["before"]), messages(seen["meanwhile"])
    assert [each["content"] for each in before] == ["Which bird?", "A swallow.", "Which?"]
    assert [each["content"] for each in meanwhile] == ["Which bird?", None, "Which?"]
    assert [each["id"] for each in meanwhile] == [each["id"] for each in before]
    assert meanwhile[1]["deletedAt"]
    assert [each["siblingCount"] for each in meanwhile] == [1, 1, 2]


def test_what_is_restored_is_as_before(seen: dict[str, Any]) -> None:
    message = seen["restored"]["data"]["restoreMessage"]["message"]
    assert (message["content"], message["deletedAt"]) == ("A swallow.", None)
    assert seen["after"] == seen["before"]


def test_two_branches_are_compared(seen: dict[str, Any]) -> None:
    difference = seen["compared"]["data"]["diffBranches"]
    assert difference["lastShared"]["content"] == "A swallow."
    rest = {side: [edge["node"]["content"] for edge in difference[side]["messages"]["edges"]] for side in "ab"}
    assert rest == {"a": ["Which?"], "b": ["The African one."]}


def test_usage_is_told_by_model(seen: dict[str, Any]) -> None:
    usage = seen["usage"]["data"]["usage"]
    assert {None} < {group["llmModel"] for group in usage["groups"]}
    assert sum(group["figures"]["messages"] for group in usage["groups"]) == usage["total"]["messages"]


def test_a_conversation_is_shared(seen: dict[str, Any]) -> None:
    (share,) = seen["shared"]["data"]["shareConversation"]["conversation"]["shares"]
    assert (share["role"], share["access"], share["until"]) == ("analyst", "READ", None)
