"""What GraphiQL's page adds to a subscription's events: the text so far of an answer that grows. Node runs it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from api import graphiql
from tests.npm import program

MODULE = Path(graphiql.__file__).with_name("graphiql_assets") / "growing.js"
SCRIPT = """
const growth = createGrowth();
const results = JSON.parse(process.argv.at(-1));
console.log(JSON.stringify(results.map((result) => growth(result).extensions?.textSoFar ?? null)));
"""


def so_far(*events: dict[str, Any]) -> list[str | None]:
    """What is shown beside each of these."""
    results = [{"data": {"conversationEvents": event}} for event in events]
    command = [
        program("node"),
        "--input-type=module",
        "--eval",
        MODULE.read_text("utf-8") + SCRIPT,
        json.dumps(results),
    ]
    told: list[str | None] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    return told


def added(message: str, content: str) -> dict[str, Any]:
    return {"__typename": "MessageAdded", "message": {"id": message, "content": content}}


def delta(message: str, offset: int, text: str) -> dict[str, Any]:
    return {"__typename": "MessageDelta", "messageId": message, "offset": offset, "text": text}


def test_offsets_count_bytes_and_what_was_before_them_stands() -> None:
    events = [added("a", "Zü"), delta("a", 3, "rich 🐦"), delta("a", 3, "rich 🐦"), delta("a", 12, "!")]
    assert so_far(*events) == [None, "Zürich 🐦", "Zürich 🐦", "Zürich 🐦!"]


def test_whoever_comes_late_sees_all_with_the_first_piece_and_nothing_after_a_gap() -> None:
    assert so_far(delta("a", 0, "all so far"), delta("a", 10, ", on")) == ["all so far", "all so far, on"]
    assert so_far(delta("a", 4, "lost"), delta("a", 8, "more"), delta("a", 0, "anew")) == [None, None, "anew"]


def test_answers_that_grow_at_once_are_kept_apart() -> None:
    events = [delta("a", 0, "A"), delta("b", 0, "B"), delta("a", 1, "a"), added("c", "said"), delta("b", 1, "b")]
    assert so_far(*events) == ["A", "B", "Aa", None, "Bb"]


def test_the_text_stays_when_it_is_whole_and_goes_with_the_access() -> None:
    changed = {"__typename": "MessageChanged", "message": {"id": "a", "content": "Whole."}}
    asked = {"__typename": "MessageChanged", "message": {"id": "q", "content": "?"}}
    revoked = {"__typename": "AccessRevoked", "reason": "…"}
    assert so_far(delta("a", 0, "Who"), changed, asked, revoked) == ["Who", "Whole.", "Whole.", None]


def test_of_a_long_text_the_newest_is_shown() -> None:
    assert so_far(delta("a", 0, "x" * 5000), delta("a", 5000, "end"))[1] == f"… {'x' * 997}end"


def test_what_is_no_event_is_left_alone() -> None:
    assert so_far({"__typename": "SessionOpened"}, {}, {"__typename": "MessageDelta"}) == [None, None, None]
