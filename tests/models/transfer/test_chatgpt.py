"""The oddities of ChatGPT's export, one a case."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.bucket import MessageRole, MessageStatus, Metadata
from models.tree.plant import Sprout
from tests.models.transfer.exports import (
    EPOCH,
    WRITTEN_AT,
    conversation,
    drawn,
    link,
    node,
    read_chatgpt,
)

SYSTEM: dict[str, Any] = {"author": {"role": "system"}}
HIDDEN: dict[str, Any] = {"metadata": {"is_visually_hidden_from_conversation": True}}

SHAPES: list[tuple[str, list[dict[str, Any]], str, list[str]]] = [
    (
        "a null root is passed over",
        [link("r", None, ["a"]), node("a", "r", ["b"]), node("b", "a")],
        "a(b)",
        [],
    ),
    (
        "hidden system messages are passed over",
        [link("r", None, ["s"]), node("s", "r", ["a"], **SYSTEM, **HIDDEN), node("a", "s")],
        "a",
        [],
    ),
    (
        "empty system messages are passed over",
        [node("s", None, ["a"], "", **SYSTEM), node("a", "s")],
        "a",
        [],
    ),
    (
        "a system message that says something stays",
        [node("s", None, ["a"], **SYSTEM), node("a", "s")],
        "s(a)",
        [],
    ),
    (
        "what follows a node passed over takes its place among its siblings",
        [
            node("a", None, ["b", "x", "e"]),
            node("b", "a"),
            link("x", "a", ["c", "d"]),
            node("c", "x"),
            node("d", "x"),
            node("e", "a"),
        ],
        "a(b c d e)",
        [],
    ),
    (
        "siblings keep the order of their parent's list, not of the file",
        [node("a", None, ["c", "b"]), node("b", "a"), node("c", "a")],
        "a(c b)",
        [],
    ),
    (
        "children come before their parents in the file",
        [node("c", "b"), node("b", "a", ["c"]), node("a", None, ["b"])],
        "a(b(c))",
        [],
    ),
    (
        "several roots are alternatives",
        [node("a", None, ["b"]), node("b", "a"), node("c", None)],
        "a(b) c",
        [],
    ),
    (
        "a child that its parent doesn't list comes after those it does",
        [node("a", None, ["c"]), node("b", "a"), node("c", "a")],
        "a(c b)",
        [],
    ),
    (
        "a child hangs where its own parent pointer says, whoever lists it",
        [node("a", None, ["b", "c"]), node("b", "a"), node("c", "b")],
        "a(b(c))",
        [],
    ),
    (
        "a child listed twice comes once",
        [node("a", None, ["b", "b"]), node("b", "a")],
        "a(b)",
        [],
    ),
    (
        "a listed child that isn't there is no matter",
        [node("a", None, ["b", "ghost"]), node("b", "a")],
        "a(b)",
        [],
    ),
    (
        "a node without a parent pointer hangs where it is listed",
        [node("a", None, ["b"]), node("b", None)],
        "a(b)",
        [],
    ),
    (
        "an orphan hangs where it is listed",
        [node("a", None, ["b"]), node("b", "ghost")],
        "a(b)",
        [],
    ),
    (
        "a root that its descendant lists is a root still",
        [node("a", None, ["b"]), node("b", "a", ["a"])],
        "a(b)",
        [],
    ),
    (
        "an orphan is refused with all that follows it, the rest arrives",
        [node("a", None), node("x", "ghost", ["y"]), node("y", "x")],
        "a",
        ["node x: its parent `ghost` is missing: 2 messages are left out"],
    ),
    (
        "a cycle is refused with all that hangs on it, the rest arrives",
        [node("a", None), node("x", "y", ["y"]), node("y", "x", ["x", "z"]), node("z", "y")],
        "a",
        ["node x: it is its own ancestor: 3 messages are left out"],
    ),
    (
        "a node that is its own parent is refused",
        [node("a", None), node("x", "x", ["x"])],
        "a",
        ["node x: it is its own ancestor: 1 message is left out"],
    ),
    (
        "a message of unknown role is refused, what follows it follows its parent",
        [node("a", None, ["b"]), node("b", "a", ["c"], author={"role": "critic"}), node("c", "b")],
        "a(c)",
        ["node b: it has the unknown role `critic`; its replies follow the message before it"],
    ),
    (
        "a message that is no object is refused",
        [node("a", None, ["b"]), link("b", "a") | {"message": "hello"}],
        "a",
        ["node b: its message is no object; its replies follow the message before it"],
    ),
]


@pytest.mark.parametrize(("nodes", "tree", "refused"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES])
def test_the_whole_tree_arrives_in_its_shape(nodes: list[dict[str, Any]], tree: str, refused: list[str]) -> None:
    (transcript,), refusals = read_chatgpt([conversation(*nodes)])
    assert drawn(transcript) == tree
    assert [str(refusal) for refusal in refusals] == [f"f.json, conversation 1 (c-1), {text}" for text in refused]


CONTENTS: list[tuple[Any, str]] = [
    ({"content_type": "text", "parts": ["one"]}, "one"),
    ({"content_type": "text", "parts": ["one", "two"]}, "one\ntwo"),
    ({"content_type": "text", "parts": ["", None, "two"]}, "two"),
    ({"content_type": "text", "parts": []}, ""),
    ({"content_type": "text"}, ""),
    (None, ""),
    ("bare", "bare"),
    ({"content_type": "code", "language": "python", "text": "print(1)"}, "print(1)"),
    ({"content_type": "execution_output", "text": "1"}, "1"),
    ({"content_type": "tether_browsing_display", "result": "found", "summary": None}, "found"),
    ({"content_type": "tether_quote", "url": "u", "title": "t", "text": "q"}, "t\nu\nq"),
    ({"content_type": "user_editable_context", "user_profile": "me", "user_instructions": "be brief"}, "me\nbe brief"),
    ({"content_type": "model_editable_context", "model_set_context": "likes tea"}, "likes tea"),
    ({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}, {"content": "d"}]}, "s\nc\n\nd"),
    ({"content_type": "reasoning_recap", "content": "Thought for 3 s"}, "Thought for 3 s"),
    ({"content_type": "system_error", "name": "E", "text": "timeout"}, "timeout"),
    ({"content_type": "hologram", "beam": 7}, "[hologram]"),
    (
        {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "look"]},
        "[image]\nlook",
    ),
    (
        {"content_type": "multimodal_text", "parts": [{"content_type": "audio_transcription", "text": "hi"}]},
        "hi",
    ),
    ({"content_type": "multimodal_text", "parts": [{"content_type": "audio_asset_pointer"}]}, "[audio]"),
    ({"content_type": "multimodal_text", "parts": [{}, 7]}, "[attachment]\n7"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "text"), CONTENTS)
def test_every_kind_of_content_becomes_text(content: Any, text: str) -> None:
    assert _said(content=content).content == text


def test_parts_that_are_no_text_are_kept_beside_it() -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x", "width": 640, "fovea": 0.5}
    said = _said(content={"content_type": "multimodal_text", "parts": [image, "look"]})
    assert said.metadata
    assert said.metadata.extra == {"source_id": "a", "content_type": "multimodal_text", "parts": [image]}


def test_parts_over_the_cap_of_metadata_are_named_as_omitted() -> None:
    image = {"content_type": "image_asset_pointer", "data": "x" * 20_000}
    said = _said(content={"content_type": "multimodal_text", "parts": [image]})
    assert said.metadata
    assert said.metadata.extra["omitted"] == ["parts"]


def test_models_roles_and_times_are_the_original_ones() -> None:
    about = {"model_slug": "gpt-4o", "finish_details": {"type": "stop"}}
    tool = {"role": "tool", "name": "python", "metadata": {}}
    said = _said(author=tool, metadata=about, create_time=EPOCH + 0.25, recipient="all")
    assert (said.role, said.created_at) == (MessageRole.TOOL, _at(0.25))
    assert said.metadata == Metadata(
        llm_model="gpt-4o", finish_reason="stop", extra={"source_id": "a", "name": "python"}
    )


@pytest.mark.parametrize(("status", "expected"), [
    ("finished_successfully", MessageStatus.COMPLETE),
    ("in_progress", MessageStatus.INTERRUPTED),
    ("finished_partial_completion", MessageStatus.INTERRUPTED),
    (None, MessageStatus.COMPLETE),
    (["odd"], MessageStatus.COMPLETE),
])  # fmt: skip
def test_a_message_that_was_in_progress_is_interrupted(status: Any, expected: MessageStatus) -> None:
    assert _said(status=status).status is expected


@pytest.mark.parametrize("create_time", [None, "soon", "", float("nan"), float("inf"), -1, 0, 1e300, True, [], 10**400])
def test_a_message_without_a_usable_time_gets_its_parents(create_time: Any) -> None:
    nodes = [node("a", None, ["b"], create_time=EPOCH + 7), node("b", "a", create_time=create_time)]
    (transcript,), _ = read_chatgpt([conversation(*nodes)])
    assert transcript.sprouts[1].created_at == _at(7)


@pytest.mark.parametrize(
    "create_time", [EPOCH, f"{EPOCH}", f"{EPOCH}.0", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"]
)
def test_times_come_as_numbers_and_as_text(create_time: Any) -> None:
    assert _said(create_time=create_time).created_at == _at(0)


def test_a_conversation_without_times_has_those_of_its_messages() -> None:
    nodes = [node("a", None, ["b"], create_time=EPOCH + 5), node("b", "a", create_time=EPOCH + 9)]
    (transcript,), _ = read_chatgpt([conversation(*nodes, create_time=None, update_time=None)])
    assert (transcript.started_at, transcript.updated_at) == (_at(5), _at(9))


def test_without_any_time_at_all_the_files_own_counts() -> None:
    bare = conversation(node("a", None, create_time=None), create_time=None, update_time=None)
    (transcript,), _ = read_chatgpt([bare])
    assert transcript.started_at == transcript.updated_at == transcript.sprouts[0].created_at == WRITTEN_AT


@pytest.mark.parametrize(("current", "expected"), [
    ("b", "b"),
    ("c", "c"),
    ("hidden", "b"),
    (None, None),
    ("r", None),
])  # fmt: skip
def test_the_current_node_or_its_nearest_kept_ancestor_is_chosen(current: str | None, expected: str | None) -> None:
    nodes = [
        link("r", None, ["a"]),
        node("a", "r", ["b", "c"]),
        node("b", "a", ["hidden"]),
        node("c", "a"),
        node("hidden", "b", **SYSTEM, **HIDDEN),
    ]
    (transcript,), refusals = read_chatgpt([conversation(*nodes, current_node=current)])
    assert not refusals
    chosen = None if transcript.chosen is None else transcript.sprouts[transcript.chosen].content
    assert chosen == expected


@pytest.mark.parametrize("current", ["ghost", 7, ["a"]])
def test_an_unknown_current_node_is_reported(current: Any) -> None:
    (transcript,), (refusal,) = read_chatgpt([conversation(node("a", None), current_node=current)])
    assert transcript.chosen is None
    assert "`current_node` is not in it" in refusal.reason


def test_two_nodes_may_carry_the_same_message_id() -> None:
    (transcript,), refusals = read_chatgpt([conversation(node("a", None), node("b", "a", id="a"))])
    assert (drawn(transcript), refusals) == ("a(b)", [])


@pytest.mark.parametrize(("fields", "title"), [
    ({}, "A talk"),
    ({"title": None}, "What is the capital of France?"),
    ({"title": "  "}, "What is the capital of France?"),
    ({"title": 7}, "What is the capital of France?"),
    ({"title": "two\nlines"}, "two"),
])  # fmt: skip
def test_a_missing_title_is_the_first_question(fields: dict[str, Any], title: str) -> None:
    asked = node("a", None, text="\n What is the capital of France?\nAnd of Spain?")
    (transcript,), _ = read_chatgpt([conversation(asked, **fields)])
    assert transcript.title == title


def test_an_export_of_the_first_months_is_known_by_its_first_message() -> None:
    old = conversation(link("r", None, ["a"]), node("a", "r"))
    del old["conversation_id"]
    (transcript,), _ = read_chatgpt([old])
    assert transcript.source_id == "node a"


def test_half_surrogates_and_nul_do_no_harm() -> None:
    said = _said(content={"content_type": "text", "parts": ["\udc00 \ud83d\ude00 \\ud800 \0"]})
    assert said.content == "\ufffd 😀 \\ud800 \0"


def test_an_empty_list_and_an_empty_conversation_are_fine() -> None:
    assert read_chatgpt([]) == ([], [])
    (transcript,), refusals = read_chatgpt([conversation(link("r", None))])
    assert (transcript.sprouts, refusals) == ([], [])


def _said(**message: Any) -> Sprout:
    (transcript,), refusals = read_chatgpt([conversation(node("a", None, **message))])
    assert not refusals
    return transcript.sprouts[0]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(EPOCH + seconds, UTC)
