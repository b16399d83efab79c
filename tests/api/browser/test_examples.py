"""GraphiQL's page in a real browser: `examples.mjs` clicks, the tests judge what it saw."""

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


def test_a_message_that_is_appended_elsewhere_arrives(seen: dict[str, Any]) -> None:
    event = seen["live"]["data"]["conversationEvents"]
    assert event["__typename"] == "MessageAdded"
    assert event["message"]["content"] == "said elsewhere"
    assert [frame["type"] for frame in seen["frames"]][:2] == ["connection_init", "subscribe"]


def test_no_token_is_stored_in_the_browser(seen: dict[str, Any]) -> None:
    assert len(seen["tokens"]) == 2
    assert [token for token in seen["tokens"] if token in seen["stored"]] == []
