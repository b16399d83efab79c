"""The house stands as drawn: layers, import contracts, names."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("api", "resolvers", "permissions", "models")


def test_imports_point_down() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "base"}
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.stem in drawers]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    modules = [path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")]
    silent = [path for path in modules if not path.read_text().startswith('"""')]
    assert silent == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
    ]
    assert set(readers) <= ALLOWED, readers


ALLOWED = {"models/embedded/keeper.py", "api/worker_process.py"}
"""The one passes its own environment on to the servers that it starts; the other is given one, for the settings."""
