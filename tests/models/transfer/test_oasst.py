"""Open-Assistant's trees, a line each."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from models.bucket import MessageRole
from models.transfer.demo import DEMO_TREES
from models.transfer.errors import UnreadableFileError
from tests.models.transfer.exports import WRITTEN_AT, drawn, read_oasst


def message(said: str, *replies: Any, **fields: Any) -> dict[str, Any]:
    """A message, and the replies to it."""
    made = {"message_id": f"id-{said}", "text": said, "role": "prompter", "lang": "en", "deleted": False}
    return made | {"replies": list(replies)} | fields


def tree(prompt: Any, **fields: Any) -> dict[str, Any]:
    """A line of the file."""
    return {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": prompt} | fields


def test_the_whole_tree_arrives_in_order() -> None:
    prompt = message("a", message("b", message("d")), message("c", message("e"), message("f")))
    (transcript,), refusals = read_oasst(tree(prompt))
    assert (drawn(transcript), refusals) == ("a(b(d) c(e f))", [])
    assert (transcript.source_id, transcript.title, transcript.chosen) == ("t", "a", None)


def test_models_ranks_and_labels_are_kept() -> None:
    reply = message("b", role="assistant", model_name="chip20b", rank=0, synthetic=True, emojis={"+1": 3, "a.$b": 1})
    (transcript,), _ = read_oasst(tree(message("a", reply)))
    said = transcript.sprouts[1]
    assert said.role is MessageRole.ASSISTANT
    assert said.metadata
    assert said.metadata.llm_model == "chip20b"
    assert said.metadata.extra == {
        "source_id": "id-b", "lang": "en", "rank": 0, "synthetic": True, "emojis": {"+1": 3, "a\uff0e$b": 1},
    }  # fmt: skip


def test_times_are_the_messages_own_or_their_parents_or_the_files() -> None:
    dated = message("b", message("c"), created_date="2023-02-05T14:23:50.983374+00:00")
    (transcript,), _ = read_oasst(tree(message("a", dated)))
    said_at = datetime(2023, 2, 5, 14, 23, 50, 983000, tzinfo=UTC)
    assert [sprout.created_at for sprout in transcript.sprouts] == [WRITTEN_AT, said_at, said_at]


def test_a_deleted_message_keeps_its_place_without_its_text() -> None:
    (transcript,), refusals = read_oasst(tree(message("a", message("b", message("c"), deleted=True))))
    gone = transcript.sprouts[1]
    assert (drawn(transcript), refusals) == ("a((c))", [])
    assert (gone.content, gone.metadata, gone.deleted_at) == ("", None, WRITTEN_AT)


@pytest.mark.parametrize(("bad", "reason"), [
    ("text", "is no object"),
    (message("b", message("c"), text=None), "has no `text`"),
    (message("b", message("c"), role="judge"), "has the unknown role `judge`"),
    (message("b", message("c"), role=["prompter"]), "has the unknown role `['prompter']`"),
])  # fmt: skip
def test_a_bad_message_is_refused_and_its_replies_follow_its_parent(bad: Any, reason: str) -> None:
    (transcript,), (refusal,) = read_oasst(tree(message("a", bad)))
    assert drawn(transcript) == ("a" if bad == "text" else "a(c)")
    assert refusal.where.startswith("f.jsonl, line 1, message ")
    assert refusal.reason == reason


def test_a_message_over_the_cap_keeps_its_place_and_is_reported() -> None:
    (transcript,), (refusal,) = read_oasst(tree(message("a", message("b" * 200, message("c")))), message_bytes=100)
    assert [sprout.parent for sprout in transcript.sprouts] == [None, 0, 1]
    assert "not imported" in transcript.sprouts[1].content
    assert refusal.reason == "has 200 bytes, 100 are allowed"


@pytest.mark.parametrize(("line", "reason"), [
    ("{", "is not JSON: premature EOF"),
    ('{"prompt": {"text": "secret"]}', "is not JSON: "),
    ("{}", "holds no message tree: `prompt` is missing"),
    ("[]", "holds no message tree: `prompt` is missing"),
    ("7", "holds no message tree: `prompt` is missing"),
    (json.dumps(message("a")), "holds no message tree: `prompt` is missing"),
    (json.dumps(tree({"text": "a"}, message_tree_id=None)), "holds no `message_tree_id`"),
])  # fmt: skip
def test_a_bad_line_costs_itself_only(line: str, reason: str) -> None:
    good = json.dumps(tree(message("a")))
    transcripts, (refusal,) = read_oasst(f"{good}\n{line}\n\n{good}")
    assert len(transcripts) == 2
    assert refusal.where == "f.jsonl, line 2"
    assert refusal.reason.startswith(reason)
    assert "secret" not in refusal.reason


def test_lines_may_end_in_crlf_and_hold_what_only_python_writes() -> None:
    odd = json.dumps(tree(message("\ud800", score=float("nan"))))
    (transcript, _), refusals = read_oasst(f"{odd}\r\n\r\n{odd}\r\n".encode())
    assert (drawn(transcript), refusals) == ("\ufffd", [])


def test_a_tree_may_be_deeper_than_python_recurses() -> None:
    depth = 20_000
    opening = '{"text": "x", "role": "prompter", "replies": ['
    line = '{"message_tree_id": "t", "prompt": ' + opening * depth + "]}" * depth + "}"
    (transcript,), refusals = read_oasst(line)
    assert (len(transcript.sprouts), refusals) == (depth, [])
    assert transcript.sprouts[-1].parent == depth - 2


@pytest.mark.parametrize(("text", "reason"), [
    ("", "is empty"),
    ("\n \r\n", "is empty"),
    ("hello", "is not in format `oasst`"),
    ("[{}]", "is not in format `oasst`"),
])  # fmt: skip
def test_what_is_no_json_lines_at_all_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        read_oasst(text)


def test_the_demo_file_is_whole() -> None:
    transcripts, refusals = read_oasst(DEMO_TREES.read_bytes())
    children: dict[tuple[str, int], int] = {}
    for transcript in transcripts:
        for sprout in transcript.sprouts:
            if sprout.parent is not None:
                place = (transcript.source_id, sprout.parent)
                children[place] = children.get(place, 0) + 1
    assert (len(transcripts), refusals) == (100, [])
    assert sum(len(transcript.sprouts) for transcript in transcripts) == 1167
    assert sum(count - 1 for count in children.values()) == 526
