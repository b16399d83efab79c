"""A long run loses nothing of what was done when a process of it ends."""

import re
from pathlib import Path

import pytest

from tests.differential import processes
from tests.differential.__main__ import show, together
from tests.differential.processes import Process
from tests.differential.rounds import Tally
from tests.differential.shards import Part, Shard


@pytest.fixture
def shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shard:
    monkeypatch.setattr("tests.differential.shards.FOLDER", tmp_path)
    monkeypatch.setattr(processes, "FOLDER", tmp_path)
    monkeypatch.setattr(processes, "WHAT", ())
    return Shard(0, 7, 1_000)


def ended(shard: Shard) -> Process:
    """How it is in the end, looked after as long as it goes on."""
    process = Process(shard)
    process.begin()
    assert process.running is not None
    while process.goes_on():
        process.running.wait()
    return process


def test_what_was_told_is_heard(shard: Shard) -> None:
    assert shard.heard() == {}
    part = Part(Tally(30, 2, 1), 1.5, 0.5)
    part.tally.answers["data"] += 30
    shard.tell({"some": part})
    assert shard.heard() == {"some": part}


def test_each_figure_has_a_head(
    shard: Shard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.benchmarks.report.FOLDER", tmp_path)
    shard.tell({"some": Part(Tally(3_000, 2, 1, once=["what was wrong"]), 1.5, 0.5)})
    show(together([Process(shard)]), 2.0, ["Seed 7."])
    lines = [re.split(" {2,}", each.strip()) for each in capsys.readouterr().out.splitlines()]
    head, (_, *figures) = (each for each in lines if "raced" in each or "some" in each)
    told = dict(zip(head, figures, strict=True))
    assert (told["raced"], told["once"], told["wrong"], told["CPU, ms"]) == ("1", "1", "0", "0.5")


def test_a_process_that_fails_is_begun_anew_some_times(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "COMMAND", ("-S", "-c", "raise SystemExit(3)"))
    monkeypatch.setattr(processes, "MOST_BEGUN", 3)
    process = ended(shard)
    assert (process.begun, process.status) == (3, 3)


def test_one_that_ended_well_or_has_found_something_is_not(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "COMMAND", ("-S", "-c", "pass"))
    assert ended(shard).begun == 1
    monkeypatch.setattr(processes, "COMMAND", ("-S", "-c", "raise SystemExit(1)"))
    shard.tell({"some": Part(Tally(found=["a difference"]))})
    assert ended(shard).begun == 1


def test_one_that_is_to_end_ends(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "COMMAND", ("-S", "-c", "import time; time.sleep(600)"))
    process = Process(shard)
    process.begin()
    assert process.goes_on()
    process.end()
    assert process.status
