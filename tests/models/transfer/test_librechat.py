"""LibreChat's exports, and what is odd about them."""

import json
from typing import Any

import pytest

from models.bucket import MessageRole, MessageStatus, Metadata
from models.transfer import librechat
from models.transfer.errors import Refusal, UnreadableFileError
from models.tree.plant import Sprout
from tests.models.transfer.exports import EPOCH, WRITTEN_AT, chunks, drawn, terms
from tests.models.transfer.foreign import ZEROS, read_librechat, reply, spoken, talk


def _nest(name: str, *children: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message with its answers in it; its own pointer up points nowhere."""
    return reply(name, "elsewhere") | {"children": list(children)} | fields


SHAPES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("a line", talk(reply("a", None), spoken("b", "a")), "a(b)", []),
    ("one path of it, without branches", talk(reply("a", None), spoken("b", "a"), branches=False), "a(b)", []),
    ("siblings in the file's order", talk(reply("a", None), spoken("c", "a"), spoken("b", "a")), "a(c b)", []),
    ("an answer before its question", talk(spoken("b", "a"), reply("a", None)), "a(b)", []),
    ("several first messages", talk(reply("a", None), reply("b", None), spoken("c", "b")), "a b(c)", []),
    ("no parent at all", talk({**reply("a", None), "parentMessageId": None}, reply("b", "")), "a b", []),
    (
        "a message whose parent is missing begins a branch",
        talk(reply("a", None), spoken("b", "gone"), reply("c", "b")),
        "a b(c)",
        ["message b: its parent `gone` is missing: it begins a branch"],
    ),
    (
        "a cycle is left out",
        talk(reply("a", None), reply("b", "c"), reply("c", "b")),
        "a",
        ["message b: it is its own ancestor: 2 messages are left out"],
    ),
    (
        "an id that comes twice",
        talk(reply("a", None), spoken("b", "a"), spoken("b", "a", text="x"), reply("c", "b")),
        "a(b(c))",
        ["message b: a message of that id came before; this one is left out"],
    ),
    ("messages without ids", talk(reply("a", None, messageId=None), reply("b", None, messageId=None)), "a b", []),
    (
        "what is no message is refused",
        talk(reply("a", None), 3, None),
        "a",
        [
            "message number 2: it is no object; its replies follow the message before it",
            "message number 3: it is no object; its replies follow the message before it",
        ],
    ),
    ("nested", talk(_nest("a", _nest("b"), _nest("c", _nest("d"))), _nest("e"), recursive=True), "a(b c(d)) e", []),
    ("nested, though it doesn't say so", talk(_nest("a", _nest("b"), parentMessageId=ZEROS)), "a(b)", []),
    ("nested under its other name", talk(messages=None, messagesTree=[_nest("a", _nest("b"))], recursive=True), "a(b)",
     []),
    (
        "nested, the place counts, not the ids",
        talk(_nest("a", _nest("a", _nest("a", text="x"), text="y"), _nest("", text="z")), recursive=True),
        "a(y(x) z)",
        [],
    ),
    (
        "nested, what holds others and is refused hands them up",
        talk(_nest("a", _nest("b", _nest("c"), isCreatedByUser=None, sender=None)), recursive=True),
        "a(c)",
        [
            "message b: it doesn't say who wrote it: `isCreatedByUser` is missing; "
            "its replies follow the message before it"
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("export", "tree", "refused"), [pytest.param(*row[1:], id=row[0]) for row in SHAPES])
@pytest.mark.parametrize("listed", [False, True])
def test_the_whole_tree_arrives_in_its_shape(
    export: dict[str, Any], tree: str, refused: list[str], listed: bool
) -> None:
    (transcript,), refusals = read_librechat([export] if listed else export)
    assert drawn(transcript) == tree
    assert [str(refusal) for refusal in refusals] == [f"f.json, conversation 1 (talk-1), {text}" for text in refused]


def _only(**fields: Any) -> Sprout:
    (transcript,), _ = read_librechat(talk(spoken("a", None, **fields)))
    return transcript.sprouts[0]


def test_it_opens_on_the_newest_answers_as_librechat_shows_them() -> None:
    export = talk(
        reply("a", None), spoken("b", "a"), reply("z", None), spoken("c", "z"), spoken("d", "z"), reply("e", "c"),
        tags=["work", "work", 3, " "], isArchived=True,
    )  # fmt: skip
    (transcript,), _ = read_librechat(export)
    assert transcript.chosen is not None
    assert transcript.sprouts[transcript.chosen].content == "d"
    assert (transcript.source_id, transcript.title) == ("talk-1", "A talk")
    assert (transcript.tags, transcript.archived) == (["work"], True)


def test_times_are_the_messages_and_a_missing_one_is_the_parents() -> None:
    late = spoken("b", "a", createdAt="2023-11-14T22:15:00.000Z")
    (transcript,), _ = read_librechat(talk(reply("a", None), late, reply("c", "b", createdAt=None)))
    assert [sprout.created_at.timestamp() - EPOCH for sprout in transcript.sprouts] == [0, 100, 100]
    assert (transcript.started_at.timestamp(), transcript.updated_at.timestamp()) == (EPOCH, EPOCH + 100)
    assert _only(createdAt={"$date": "2023-11-14T22:13:20Z"}).created_at.timestamp() == EPOCH
    assert _only(createdAt="soon").created_at == WRITTEN_AT


@pytest.mark.parametrize(("fields", "role"), [
    ({}, MessageRole.ASSISTANT), ({"isCreatedByUser": True}, MessageRole.USER),
    ({"isCreatedByUser": None, "role": "tool"}, MessageRole.TOOL),
    ({"isCreatedByUser": None, "sender": "User"}, MessageRole.USER),
    ({"isCreatedByUser": "no", "sender": "Claude"}, MessageRole.ASSISTANT),
])  # fmt: skip
def test_who_wrote_it(fields: dict[str, Any], role: MessageRole) -> None:
    assert _only(**fields).role is role


def test_tokens_models_and_ends() -> None:
    asked = reply("a", None)
    answered = spoken("b", "a", tokenCount=504, promptTokens=586, finish_reason="stop")
    (transcript,), _ = read_librechat(talk(asked, answered))
    question, answer = (sprout.metadata or Metadata() for sprout in transcript.sprouts)
    assert (question.tokens_in, question.tokens_out) == (7, None)
    assert (answer.tokens_in, answer.tokens_out, answer.llm_model, answer.finish_reason) == (586, 504, "gpt-4o", "stop")
    assert answer.extra == {"source_id": "b", "sender": "GPT-4o"}


def test_parts_become_text_thoughts_tools_and_files() -> None:
    content = [
        {"type": "think", "think": "hm"},
        None,
        {"type": "text", "text": {"value": "one", "annotations": []}},
        {"type": "tool_call", "tool_call": {"id": "1", "name": "search", "args": "{}", "output": "found"}},
        {"type": "image_file", "image_file": {"file_id": "f-1", "filepath": "/images/a.png", "width": 9}},
        {"type": "text", "text": "two"},
        {"type": "agent_update", "agent_update": {"agentId": "x"}},
    ]
    sprout = _only(text="", content=content, files=[{"file_id": "f-2", "filename": "cv.pdf", "text": "secret"}])
    assert sprout.content == "one\n\ntwo"
    assert sprout.metadata
    extra = sprout.metadata.extra
    assert (extra["reasoning"], extra["tools"][0]["output"]) == ("hm", "found")
    assert extra["files"] == [
        {"file_id": "f-2", "filename": "cv.pdf"},
        {"type": "image_file", "file_id": "f-1", "filepath": "/images/a.png", "width": 9},
    ]


@pytest.mark.parametrize(("fields", "text"), [
    ({"text": "", "content": [{"type": "tool_call", "tool_call": {"name": "search"}}]}, "[tool call: search]"),
    ({"text": "", "content": [], "files": [{"file_id": "f"}]}, "[attachment]"),
    ({"text": "old", "content": []}, "old"), ({"text": None, "content": "plain"}, "plain"), ({"text": None}, ""),
])  # fmt: skip
def test_a_message_without_words_says_what_it_is(fields: dict[str, Any], text: str) -> None:
    assert _only(**fields).content == text


@pytest.mark.parametrize("fields", [
    {"error": True, "text": "limit reached"}, {"text": "", "content": [{"type": "error", "error": "limit reached"}]},
])  # fmt: skip
def test_an_error_is_told_and_interrupted(fields: dict[str, Any]) -> None:
    sprout = _only(**fields)
    assert sprout.metadata
    assert (sprout.content, sprout.status, sprout.metadata.finish_reason, sprout.metadata.extra["error"]) == (
        "limit reached", MessageStatus.INTERRUPTED, "error", True,
    )  # fmt: skip


def test_an_unfinished_answer_is_interrupted() -> None:
    assert _only(unfinished=True).status is MessageStatus.INTERRUPTED


def _deep(levels: int, message: str) -> str:
    """A conversation whose messages lie in each other."""
    opened = "".join(f'{{"messageId": "{n}", {message}"children": [' for n in range(levels))
    return f'{{"conversationId": "deep", "recursive": true, "messages": [{opened}{"]}" * levels}]}}'


def test_answers_thousands_deep() -> None:
    (transcript,), refusals = read_librechat(_deep(5_000, '"text": "x", "isCreatedByUser": true, '))
    assert not refusals
    assert [sprout.parent for sprout in transcript.sprouts] == [None, *range(4_999)]


def test_what_nests_thirty_thousand_deep_harms_nobody() -> None:
    items = librechat.read("f.json", chunks(_deep(30_000, ""), 65_536), terms())
    assert sum(isinstance(item, Refusal) for item in items) == 30_000


BROKEN: list[tuple[str, str]] = [
    ("3", "is no conversation: `messages` is missing"),
    ('{"conversationId": "x", "messages": {"a": 1}}', "is no conversation: `messages` is missing"),
    ('{"conversationId": "x", "messages": 3, "messagesTree": []}', "is no conversation: `messages` is missing"),
    ('{"messages": []}', "has neither an id nor a message to know it by"),
    ('{"messages": [}', "is not JSON: "),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_a_bad_conversation_costs_itself_only(broken: str, reason: str) -> None:
    good = json.dumps(talk(reply("a", None)))
    if reason.startswith("is not JSON"):
        broken = '{"messages": [1 2]}'
    transcripts, (refusal,) = read_librechat(f"[{good}, {broken}, {good}]")
    assert [drawn(transcript) for transcript in transcripts] == ["a", "a"]
    assert (refusal.where[:22], refusal.reason[: len(reason)]) == ("f.json, conversation 2", reason)


@pytest.mark.parametrize("text", ["", "3", "nonsense"])
def test_what_is_no_export_at_all_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableFileError, match="is not in format `librechat`"):
        read_librechat(text)


def test_a_single_conversation_cut_short_or_followed_by_more_is_refused() -> None:
    whole = json.dumps(talk(reply("a", None)))
    for text in (whole[:-5], whole + whole, whole + "x"):
        transcripts, (refusal,) = read_librechat(text)
        assert not transcripts
        assert refusal.reason.startswith("is not JSON: ")
