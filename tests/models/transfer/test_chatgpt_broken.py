"""What is wrong in an export of ChatGPT's is reported, and costs no more than itself."""

import json

import pytest

from models.transfer.errors import UnreadableFileError
from tests.models.transfer.exports import (
    conversation,
    drawn,
    node,
    read_chatgpt,
)


def test_a_node_id_that_comes_twice_is_refused_and_the_first_one_stands() -> None:
    first, second = json.dumps(node("a", None)), json.dumps(node("a", None, text="again"))
    export = f'[{{"id": "c-1", "mapping": {{"a": {first}, "a": {second}}}}}]'
    (transcript,), (refusal,) = read_chatgpt(export)
    assert drawn(transcript) == "a"
    assert str(refusal).startswith("f.json, conversation 1 (c-1), node a: a node of that id came before")


def test_a_message_over_the_cap_keeps_its_place_and_is_reported() -> None:
    nodes = [node("a", None, ["b"]), node("b", "a", ["c"], "é" * 200), node("c", "b")]
    (transcript,), (refusal,) = read_chatgpt([conversation(*nodes)], message_bytes=300)
    assert [sprout.parent for sprout in transcript.sprouts] == [None, 0, 1]
    assert transcript.sprouts[1].content == "[This message was not imported: it has 400 bytes, 300 are allowed.]"
    assert str(refusal) == "f.json, conversation 1 (c-1), node b: has 400 bytes, 300 are allowed"


BROKEN: list[tuple[str, str]] = [
    ("7", "is no conversation: `mapping` is missing"),
    ("null", "is no conversation: `mapping` is missing"),
    ('"text"', "is no conversation: `mapping` is missing"),
    ('{"id": "x"}', "is no conversation: `mapping` is missing"),
    ('{"id": "x", "mapping": [1, {}]}', "is no conversation: `mapping` is missing"),
    ('{"id": "x", "mapping": {}, }', "is not JSON: "),
    ('{"id": "x" "mapping": {}}', "is not JSON: "),
    ('{"mapping": {}}', "has neither an id nor a message to know it by"),
    ('{"id": "x", "mapping": {"a": ' + "9" * 5000 + "}}", "is not JSON: a number in it is past all sense"),
    ("[" * 5000 + "]" * 5000, "is no conversation: `mapping` is missing"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_a_bad_conversation_costs_itself_only(broken: str, reason: str) -> None:
    good = json.dumps(conversation(node("a", None)))
    transcripts, (refusal,) = read_chatgpt(f"[{good}, {broken}, {good}]")
    assert [drawn(transcript) for transcript in transcripts] == ["a", "a"]
    assert refusal.where.startswith("f.json, conversation 2")
    assert refusal.reason.startswith(reason)


def test_bytes_that_are_no_utf_8_cost_one_conversation() -> None:
    good = json.dumps(conversation(node("a", None))).encode()
    transcripts, (refusal,) = read_chatgpt(b"[" + good.replace(b"A talk", b"\xff\xfe") + b"," + good + b"]")
    assert (len(transcripts), refusal.reason) == (1, "is not JSON: invalid bytes in UTF8 string")


def test_a_reason_quotes_nothing_of_a_message() -> None:
    _, (refusal,) = read_chatgpt('[{"id": "x", "mapping": {"secret": "words" "more"}}]')
    assert "words" not in str(refusal)


def test_a_file_cut_short_gives_what_is_whole_and_says_so() -> None:
    text = json.dumps([conversation(node("a", None)), conversation(node("b", None))])
    transcripts, (refusal,) = read_chatgpt(text[:-40])
    assert [drawn(transcript) for transcript in transcripts] == ["a"]
    assert str(refusal) == "f.json, conversation 2: the file ends in the middle of it"


def test_text_after_the_list_is_reported() -> None:
    transcripts, (refusal,) = read_chatgpt(json.dumps([conversation(node("a", None))]) + " []")
    assert len(transcripts) == 1
    assert "more text after the list" in refusal.reason


@pytest.mark.parametrize("text", ["", " \n", "hello", '{"mapping": {}}', "7"])
def test_what_is_no_list_at_all_is_an_error(text: str) -> None:
    with pytest.raises(UnreadableFileError, match="is not in format `chatgpt`"):
        read_chatgpt(text)
