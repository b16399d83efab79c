"""GraphiQL's page in a real browser: `examples.mjs` clicks, the tests judge what it saw."""

import sys
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from api.demo_world import PEOPLE
from tests.api.browser.conftest import Walk

EXAMPLES = ("Me", "Conversations", "Branches", "Start", "Append")


@pytest.fixture(scope="module")
def seen(walk: Walk) -> dict[str, Any]:
    return walk("examples.mjs")


def test_nothing_goes_wrong_in_the_console(seen: dict[str, Any]) -> None:
    assert seen["problems"] == []


def test_no_request_leaves_the_server_that_the_page_came_from(seen: dict[str, Any]) -> None:
    origin = seen["origin"]
    assert len(seen["requests"]) > 15
    assert [address for address in seen["requests"] if not address.startswith(f"{origin}/graphql")] == []
    assert set(seen["sockets"]) == {f"{origin.replace('http', 'ws', 1)}/graphql"}


def test_one_click_logs_a_demo_account_in(seen: dict[str, Any]) -> None:
    assert seen["accounts"] == [person.name for person in PEOPLE]
    assert "Ada Admin" in seen["who"]
    assert seen["answers"]["Me"]["data"]["me"]["email"] == "admin@demo.example"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_is(seen: dict[str, Any], example: str) -> None:
    assert "errors" not in seen["answers"][example]
    assert all(seen["answers"][example]["data"].values())


def test_the_docs_open(seen: dict[str, Any]) -> None:
    assert "conversations(" in seen["docs"]


def events(seen: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """Those of Alice's subscription that the pane of results showed; each took the place of the one before."""
    shown = [each["data"]["conversationEvents"] for each in seen["live"]]
    return [event for event in shown if event["__typename"] in kinds]


def test_a_message_that_is_appended_in_another_tab_arrives(seen: dict[str, Any]) -> None:
    message = events(seen, "MessageAdded")[0]["message"]
    assert message["id"] == seen["appended"]["data"]["appendMessage"]["message"]["id"]
    assert (message["role"], message["author"], message["content"]) == ("USER", {"displayName": "Alice"}, "Which bird?")
    assert [frame["type"] for frame in seen["frames"]][:2] == ["connection_init", "subscribe"]


def test_an_answer_grows_before_the_eyes_until_it_is_whole(seen: dict[str, Any]) -> None:
    growing = [each for each in seen["live"] if each["data"]["conversationEvents"]["__typename"] == "MessageDelta"]
    texts = [each["extensions"]["textSoFar"] for each in growing]
    assert len(texts) > 2
    assert all(text.startswith(before) and text > before for before, text in pairwise(texts))
    assert all(each["extensions"]["textSoFar"].endswith(each["data"]["conversationEvents"]["text"]) for each in growing)
    *_, whole = (
        event["message"] for event in events(seen, "MessageChanged") if event["message"]["role"] == "ASSISTANT"
    )
    assert (whole["status"], whole["content"]) == ("COMPLETE", texts[-1])


def test_whoever_loses_the_role_by_which_he_reads_is_told_at_once(seen: dict[str, Any]) -> None:
    ended = seen["ended"]["data"]["endRoleAssignment"]["assignment"]
    last = seen["live"][-1]
    assert ended["role"] == {"name": "analyst"}
    assert last["data"]["conversationEvents"]["__typename"] == "AccessRevoked"
    assert last["data"]["conversationEvents"]["reason"] == "you may not read the conversation any more"
    assert last["data"]["conversationEvents"]["decisionId"]
    assert "extensions" not in last
    told = datetime.fromisoformat(last["at"]) - datetime.fromisoformat(ended["endedAt"])
    sys.stdout.write(f"shown {told / timedelta(milliseconds=1):.0f} ms after the role had ended\n")


def test_nothing_that_happened_after_his_role_had_ended_is_shown(seen: dict[str, Any]) -> None:
    """By the order and not by the clock, which tells of a busy machine: a change was made as soon as it had ended."""
    after = [each["data"]["conversationEvents"]["__typename"] for each in seen["live"][seen["before"] :]]
    assert "ConversationChanged" not in after
    assert after[-1] == "AccessRevoked"


def test_no_token_is_stored_in_the_browser(seen: dict[str, Any]) -> None:
    assert len(seen["tokens"]) == 2
    assert [token for token in seen["tokens"] if token in seen["stored"]] == []
