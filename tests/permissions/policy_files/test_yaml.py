"""YAML as policy files use it, and what it refuses, each in one line that says where."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.policy_files.errors import PolicyFileError
from permissions.policy_files.yaml import DEEPEST, LARGEST, MOST, read


def refusal(text: str | bytes) -> str:
    with pytest.raises(PolicyFileError) as caught:
        read(text.encode() if isinstance(text, str) else text)
    said = caught.value.at("f.yaml")
    assert "\n" not in said
    return said


def test_plain_values_are_those_of_json_and_moments() -> None:
    text = "a: [1, -2.5, 1e3, true, null, ~, no, 1:30, 007, '5', 2026-03-02T12:00:00Z]\n"
    text += "b: {c: text}\nd: |\n  two\n  lines\n"
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert read(text.encode()).plain() == {
        "a": [1, -2.5, 1000.0, True, None, None, "no", "1:30", "007", "5", moment],
        "b": {"c": "text"},
        "d": "two\nlines\n",
    }


def test_every_value_knows_its_place() -> None:
    root = read(b"roles:\n  - name: x\n    grants:\n      - action: 7\n")
    found = root.find(("roles", 0, "grants", 0, "action"))
    assert (found.value, found.line, found.column) == (7, 4, 17)
    assert root.find(("roles", 5, "name")).line == 2, "the last thing on the way"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1:1: is empty"),
        ("a: [1\nb: 2", "f.yaml:2:2: not YAML: "),
        ("a: 1\na: 2", "f.yaml:2:1: key `a` is there twice"),
        ("? [x]\n: 2", "f.yaml:1:3: a key must be a text"),
        ("7: x", "f.yaml:1:1: a key must be a text"),
        ("a: &b 1", "f.yaml:1:4: anchors and aliases are not for policy files"),
        ("a: *b", "f.yaml:1:4: anchors and aliases are not for policy files"),
        ("a: !!python/object:os.system x", "f.yaml:1:4: tags are not for policy files"),
        ("a: 1\n---\nb: 2", "f.yaml:3:1: a second document"),
        ("a: 2026-13-02T12:00:00Z", "f.yaml:1:4: not a moment"),
        (b"a: \xff", "f.yaml:1: is not UTF-8"),
        ("a: \x00", "f.yaml: not YAML: "),
        ("a: " + "[" * (DEEPEST + 1), f"nested deeper than {DEEPEST} levels"),
        ("#" * (LARGEST + 1), f"f.yaml: is larger than {LARGEST // 1024} KiB"),
        ("[" + "1," * MOST + "]", f"more than {MOST:,} values"),
    ],
)
def test_bad_input_is_one_line_with_its_place(text: str | bytes, said: str) -> None:
    assert said in refusal(text)


def test_a_bomb_of_aliases_goes_off_at_its_first() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert "f.yaml:1:4: anchors" in refusal(bomb)


def test_a_deep_or_a_large_file_is_refused_at_once() -> None:
    started = time.monotonic()
    refusal("[" * 400_000)
    refusal(b"x" * 1_000_000)
    refusal("{a: " * 100_000)
    assert time.monotonic() - started < 5


@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"#,? \n~0", max_size=80).map(str.encode)))
def test_whatever_a_file_holds_it_is_read_or_refused(content: bytes) -> None:
    with suppress(PolicyFileError):
        read(content).plain()
