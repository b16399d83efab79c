"""Open WebUI's exports, and what is odd about them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from models.bucket import MessageRole, MessageStatus, Metadata
from models.transfer.errors import UnreadableFileError
from models.tree.plant import Sprout
from tests.models.transfer.exports import EPOCH, drawn
from tests.models.transfer.foreign import answer, chat, message, read_openwebui

SHAPES: list[tuple[str, list[dict[str, Any]], str, list[str]]] = [
    ("a line", [message("a", None, ["b"]), answer("b", "a")], "a(b)", []),
    (
        "siblings stand as their parent lists them, not as they come",
        [message("a", None, ["c", "b"]), answer("b", "a"), answer("c", "a")],
        "a(c b)",
        [],
    ),
    (
        "a child hangs where its own parent pointer says, whoever lists it",
        [message("a", None, ["b"]), answer("b", "a"), message("c", None, ["b"])],
        "a(b) c",
        [],
    ),
    ("a child that its parent doesn't list comes last", [message("a", None, ["c"]), *(answer(n, "a") for n in "bc")],
     "a(c b)", []),
    ("a listed child that isn't there is nothing", [message("a", None, ["x"])], "a", []),
    ("several roots", [message("a", None), message("b", None, ["c"]), answer("c", "b")], "a b(c)", []),
    (
        "a message whose parent is missing begins a branch",
        [message("a", None), answer("b", "gone", ["c"]), message("c", "b")],
        "a b(c)",
        ["message b: its parent `gone` is missing: it begins a branch"],
    ),
    (
        "a cycle is left out, and what hangs on it",
        [message("a", None), message("b", "c", ["c"]), message("c", "b", ["b", "d"]), message("d", "c")],
        "a",
        ["message b: it is its own ancestor: 3 messages are left out"],
    ),
    ("its own parent", [message("a", None), message("b", "b")], "a",
     ["message b: it is its own ancestor: 1 message is left out"]),
    (
        "a message of unknown role is refused, what follows it follows its parent",
        [message("a", None, ["b"]), message("b", "a", ["c"], role="critic"), message("c", "b")],
        "a(c)",
        ["message b: it has the unknown role `critic`; its replies follow the message before it"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "tree", "refused"), [pytest.param(*row[1:], id=row[0]) for row in SHAPES])
def test_the_whole_tree_arrives_in_its_shape(messages: list[dict[str, Any]], tree: str, refused: list[str]) -> None:
    (transcript,), refusals = read_openwebui([chat(*messages)])
    assert drawn(transcript) == tree
    assert [str(refusal) for refusal in refusals] == [f"f.json, conversation 1 (chat-1), {text}" for text in refused]


def _only(**fields: Any) -> Sprout:
    (transcript,), _ = read_openwebui([chat(answer("a", None, **fields))])
    return transcript.sprouts[0]


def test_what_a_chat_says_of_itself_comes_along() -> None:
    export = [chat(message("a", None, ["b", "c"]), answer("b", "a"), answer("c", "a"), current="c", archived=True)]
    (transcript,), refusals = read_openwebui(export)
    assert not refusals
    assert (transcript.source_id, transcript.title, transcript.chosen) == ("chat-1", "A chat", 2)
    assert (transcript.tags, transcript.archived) == (["work"], True)
    assert (transcript.started_at.timestamp(), transcript.updated_at.timestamp()) == (EPOCH, EPOCH + 100)


def test_a_current_message_that_is_missing_is_reported() -> None:
    (transcript,), (refusal,) = read_openwebui([chat(message("a", None), current="gone")])
    assert transcript.chosen is None
    assert refusal.reason == "its `currentId` is not in it: it opens on its first branch"


def test_roles_times_and_models_are_the_original_ones() -> None:
    messages = [
        message("s", None, ["u"], role="system"), message("u", "s", ["t"], timestamp=EPOCH + 1),
        message("t", "u", ["a"], role="tool", timestamp=None), answer("a", "t", timestamp=(EPOCH + 2) * 1000),
    ]  # fmt: skip
    (transcript,), _ = read_openwebui([chat(*messages)])
    assert [sprout.role for sprout in transcript.sprouts] == [
        MessageRole.SYSTEM, MessageRole.USER, MessageRole.TOOL, MessageRole.ASSISTANT,
    ]  # fmt: skip
    assert [sprout.created_at.timestamp() - EPOCH for sprout in transcript.sprouts] == [0, 1, 1, 2]
    noted = transcript.sprouts[-1].metadata
    assert noted
    assert (noted.llm_model, noted.extra) == ("llama3.1:latest", {"source_id": "a", "modelName": "Llama"})


@pytest.mark.parametrize(("fields", "expected"), [
    ({"usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}}, (12, 34, None, None)),
    ({"usage": {"total_tokens": 46}}, (None, None, 46, None)),
    ({"info": {"prompt_eval_count": 5, "eval_count": 6, "total_duration": 1_234_567_890}}, (5, 6, None, 1235)),
    ({"usage": {"prompt_tokens": -1, "completion_tokens": 1e300, "total_duration": "N/A"}}, (None, None, None, None)),
    ({"usage": [1, 2]}, (None, None, None, None)),
])  # fmt: skip
def test_tokens_and_latency_are_what_providers_tell(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    noted = _only(**fields).metadata or Metadata()
    assert (noted.tokens_in, noted.tokens_out, noted.tokens_used, noted.latency_ms) == expected


THOUGHT = (
    '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
    "&gt; 15 * 17\n&gt; = 255 &amp; no more\n</details>\n"
)


def test_thoughts_are_beside_the_answer_not_in_it() -> None:
    sprout = _only(content=f"{THOUGHT}It is 255.")
    assert sprout.content == "It is 255."
    assert sprout.metadata
    assert sprout.metadata.extra["reasoning"] == "15 * 17\n= 255 & no more"


@pytest.mark.parametrize("content", ["<details>", '<details type="reasoning"', f"{THOUGHT[:-12]} and no end", "a < b"])
def test_what_only_looks_like_a_thought_stays(content: str) -> None:
    assert _only(content=content).content == content


def test_thoughts_and_tools_of_the_newer_output() -> None:
    output = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "hm"}], "summary": None},
        {"type": "function_call", "name": "get_weather", "arguments": '{"city":"Paris"}', "call_id": "1"},
        {"type": "message", "content": [{"type": "output_text", "text": "18 °C"}]},
    ]
    sprout = _only(content=f"{THOUGHT}18 °C", output=output)
    assert sprout.content == "18 °C"
    assert sprout.metadata
    assert sprout.metadata.extra["reasoning"] == "hm"
    assert [tool["name"] for tool in sprout.metadata.extra["tools"]] == ["get_weather"]


def test_thoughts_that_do_not_fit_are_cut_and_reported() -> None:
    export = [chat(answer("a", None, content=THOUGHT.replace("15", "x" * 30_000) + "yes"))]
    (transcript,), (refusal,) = read_openwebui(export)
    assert transcript.sprouts[0].content == "yes"
    assert refusal.reason.startswith("its reasoning has 30,0")


@pytest.mark.parametrize(("error", "text"), [
    ({"content": "no such model"}, "no such model"), ("no such model", "no such model"), (True, "error"),
    ({"error": {"message": "x"}}, "error"), ({"message": "no such model"}, "no such model"),
])  # fmt: skip
def test_an_error_is_told_and_the_answer_is_interrupted(error: Any, text: str) -> None:
    sprout = _only(content="", error=error)
    assert sprout.metadata
    assert (sprout.content, sprout.status, sprout.metadata.finish_reason) == (text, MessageStatus.INTERRUPTED, "error")
    assert sprout.metadata.extra["error"] == text


def test_an_answer_that_was_never_done_is_interrupted() -> None:
    assert _only(done=False).status is MessageStatus.INTERRUPTED


def test_files_are_noted_without_their_bytes() -> None:
    files = [
        {"type": "image", "url": "data:image/png;base64," + "A" * 90_000},
        {"type": "file", "id": "f-1", "name": "cv.pdf", "file": {"data": {"content": "secret words"}}, "size": 9},
    ]
    sprout = _only(content="", files=files)
    assert sprout.metadata
    assert sprout.content == "[attachment]"
    assert sprout.metadata.extra["files"] == [
        {"type": "image", "embedded": "image/png", "characters": 90_022},
        {"type": "file", "id": "f-1", "name": "cv.pdf", "size": 9},
    ]


def test_content_in_parts_is_their_text() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
    sprout = _only(content=parts)
    assert sprout.metadata
    assert (sprout.content, sprout.metadata.extra["files"][0]["url"]) == ("look", "https://x.example/a.png")


FLAT = [{"role": "user", "content": "a"}, {"role": "critic", "content": "x"}, {"role": "assistant", "content": "b"}]


@pytest.mark.parametrize("record", [
    {"id": "old", "chat": {"messages": FLAT, "title": "T"}}, {"id": "old", "messages": FLAT, "title": "T"},
    {"id": "old", "chat": {"history": {"messages": {}, "currentId": None}, "messages": FLAT}, "title": "T"},
])  # fmt: skip
def test_the_flat_lists_of_old_are_lines(record: dict[str, Any]) -> None:
    (transcript,), (refusal,) = read_openwebui([record])
    assert (drawn(transcript), transcript.title, transcript.source_id) == ("a(b)", "T", "old")
    assert refusal.where == "f.json, conversation 1 (old), message number 2"


def test_a_chat_alone_and_one_without_the_envelope() -> None:
    single = chat(message("a", None))
    assert drawn(read_openwebui(single)[0][0]) == "a"
    bare = single["chat"] | {"id": "bare"}
    (transcript,), _ = read_openwebui([bare])
    assert (transcript.source_id, transcript.started_at) == ("bare", datetime.fromtimestamp(EPOCH, UTC))


BROKEN: list[tuple[str, str]] = [
    ("3", "is no chat: `history.messages` is missing"),
    ('{"id": "x", "chat": {"history": [], "messages": {}}}', "is no chat: `history.messages` is missing"),
    ('{"id": ', "is not JSON: "),
    ('{"chat": {"history": {"messages": {}}}}', "has neither an id nor a message to know it by"),
    ("[" * 100_000 + "]" * 100_000, "is no chat"),
    ('{"id": "x", "chat": ' + '{"chat": ' * 100_000 + "1" + "}" * 100_000 + "}", "is no chat"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_a_bad_chat_costs_itself_only(broken: str, reason: str) -> None:
    if broken.endswith(": "):
        broken = '{"id": }'
    good = json.dumps(chat(message("a", None)))
    transcripts, (refusal,) = read_openwebui(f"[{good}, {broken}, {good}]")
    assert [drawn(transcript) for transcript in transcripts] == ["a", "a"]
    assert refusal.where.startswith("f.json, conversation 2")
    assert refusal.reason.startswith(reason)


def test_a_message_id_that_comes_twice_is_refused_and_the_first_one_stands() -> None:
    first, second = json.dumps(message("a", None)), json.dumps(message("a", None, content="other"))
    text = f'[{{"id": "x", "chat": {{"history": {{"messages": {{"a": {first}, "a": {second}}}}}}}}}]'
    (transcript,), (refusal,) = read_openwebui(text)
    assert drawn(transcript) == "a"
    assert refusal.where == "f.json, conversation 1 (x), message a"


def test_names_that_mean_something_elsewhere_are_only_names() -> None:
    odd = {"__proto__": {"admin": True}, "": 1, "$where": "1", "a.b": 2, "nul\0": 3}
    first = message("__proto__", None, ["constructor"], files=[{"__proto__": 1, "name": "$x.y"}], annotation=odd)
    export = [chat(first, answer("constructor", "__proto__"))]
    (transcript,), refusals = read_openwebui(export)
    assert not refusals
    assert drawn(transcript) == "__proto__(constructor)"
    assert transcript.sprouts[0].metadata
    noted = transcript.sprouts[0].metadata.extra["annotation"]
    assert set(noted) == {"__proto__", "\ufffd", "\uff04where", "a\uff0eb", "nul\ufffd"}


def test_not_a_number_and_half_surrogates_do_no_harm() -> None:
    text = json.dumps(
        [chat(answer("a", None, content="x\ud800y", timestamp=float("nan"), usage={"eval_count": 1e999}))]
    )
    (transcript,), refusals = read_openwebui(text)
    assert not refusals
    assert (transcript.sprouts[0].content, transcript.sprouts[0].created_at.timestamp()) == ("x�y", EPOCH)


@pytest.mark.parametrize("text", ["", "  ", "3", '"x"', "nonsense"])
def test_what_is_no_export_at_all_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableFileError, match="is not in format `openwebui`"):
        read_openwebui(text)


def test_no_refusal_tells_what_was_said_nor_moves_the_cursor() -> None:
    bad = message("\x1b[2J" + "i" * 500, None, role={"say": "secret"}, content="secret")
    _, refusals = read_openwebui([chat(bad, id={"title": "secret"}, title="secret"), {"title": "secret"}, ["secret"]])
    told = "\n".join(map(str, refusals))
    assert len(refusals) == 4
    assert "secret" not in told
    assert "\x1b" not in told
    assert len(told) < 1500
