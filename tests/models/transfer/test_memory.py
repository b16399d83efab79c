"""Memory stays bounded, whatever the size of the file, of a conversation, or of a single text in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.transfer.measured import write

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

IDLE = 110
"""MiB: more than the imports alone take."""


def _figures(path: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.transfer.measured", str(path)], capture_output=True, check=True
    )
    return [int(figure) for figure in done.stdout.split()]


def test_a_large_file_takes_no_more_than_a_conversation_of_it(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    write(path, 14, 50, "lorem ipsum 😀 " * 100)
    transcripts, messages, refusals, peak = _figures(path)
    assert (messages, refusals) == (50 * transcripts, 0)
    assert peak < IDLE + 20


def test_a_conversation_too_large_for_memory_is_refused_as_it_streams_by(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    with path.open("wb") as file:
        file.write(b'[{"id": "big", "padding": [')
        for _ in range(400):
            file.write((b'"' + b"x" * 100_000 + b'", ') * 4)
        file.write(b'0]}, {"id": "small", "mapping": {"a": {"parent": null}}}]')
    transcripts, _, refusals, peak = _figures(path)
    assert (transcripts, refusals) == (1, 1)
    assert peak < 300


def test_an_endless_text_is_refused_as_it_streams_by(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    with path.open("wb") as file:
        file.write(b'[{"id": "')
        for _ in range(40):
            file.write(b"x" * 1_000_000)
        file.write(b'"}, {"id": "small", "mapping": {"a": {"parent": null}}}]')
    transcripts, _, refusals, peak = _figures(path)
    assert (transcripts, refusals) == (1, 1)
    assert peak < 300
