"""What `parley` offers without importing it."""

import subprocess
import sys
from inspect import cleandoc
from pathlib import Path

import pytest

from api.cli.menu import ENTRIES
from tests.api.commands import Here


@pytest.mark.parametrize("name", ENTRIES)
def test_the_menu_tells_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    command = ENTRIES[name].loaded(name)
    assert command.name == name
    assert " ".join(cleandoc(command.help).partition("\n\n")[0].split()) == ENTRIES[name].help


def test_the_help_lists_every_command_in_order(tmp_path: Path) -> None:
    shown = Here(tmp_path)("--help")
    assert shown.status == 0
    words = [line.split()[1] for line in shown.out.splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [word for word in words if not word.startswith("--")] == list(ENTRIES)


def test_what_is_nearly_a_command_is_told_of_it(tmp_path: Path) -> None:
    refused = Here(tmp_path)("setings")
    assert refused.status == 2
    assert "Did you mean 'settings'?" in refused.err


def test_the_help_imports_no_command() -> None:
    """Nor any driver: this is what everybody waits for who has mistyped."""
    shown = "from api.cli.application import app; app(['--help'], standalone_mode=False)"
    script = f"import sys; {shown}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "api.cli.menu" in loaded
    assert not loaded & {
        "beanie",
        "pymongo",
        "redis",
        "strawberry",
        *(f"api.cli.{each.module}" for each in ENTRIES.values()),
    }


def test_only_what_serves_imports_graphql() -> None:
    """It takes half a second, and tells commands nothing."""
    modules = sorted({f"api.cli.{each.module}" for each in ENTRIES.values()} - {"api.cli.assistant"})
    modules += ["api.cli.serve", "api.cli.preparing"]  # which serve by processes of their own
    script = f"import sys, {', '.join(modules)}; print('strawberry' in sys.modules, 'graphql' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]


def test_a_start_imports_nothing_before_its_worker_and_no_driver_before_its_stores() -> None:
    """These start by themselves meanwhile."""
    script = (
        "import sys, api.cli, api.supervisor; print('typer' in sys.modules)\n"
        "import api.cli.serve; print(sorted({'beanie', 'numpy', 'pymongo'} & set(sys.modules)))\n"
        "import api.cli.preparing; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["False", "[]", "False"]


@pytest.mark.parametrize("words", [["version"], ["serve"]])
def test_who_is_stopped_before_he_has_read_his_options_ends_quietly(words: list[str]) -> None:
    """A start is interrupted most often while it imports."""
    script = f"""
import sys
from importlib.abc import MetaPathFinder


class Interrupted(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "api.cli.application":
            raise KeyboardInterrupt


from api.cli import main

sys.meta_path.insert(0, Interrupted())
sys.argv = ["parley", *{words!r}]
main()
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "")
