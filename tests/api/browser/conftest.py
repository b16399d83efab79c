"""Fixtures: a demo server, and a browser in which a script of Node does what a person would."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.commands import Parley
from tests.npm import packages, program

FOLDER = Path(__file__).parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

Walk = Callable[..., dict[str, Any]]
"""Runs a script of this folder to its end; what it has seen."""


@pytest.fixture(scope="package")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo server."""
    directory = tmp_path_factory.mktemp("browser")
    with Parley(directory, {"DATA_DIR": str(directory / "data"), "LOG_LEVEL": "error"}).serve("--demo") as server:
        yield server.url


@pytest.fixture(scope="package")
def walk(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Walk:
    # What may be missing is looked for before a server is started.
    node, chromium, modules = program("node"), program(*CHROMIUM), packages(pytestconfig, FOLDER / "package.json")
    origin = request.getfixturevalue("origin")

    def run(script: str, *arguments: str) -> dict[str, Any]:
        profile = tmp_path_factory.mktemp("profile")
        command = [node, str(FOLDER / script), origin, chromium, str(profile), str(modules), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
        assert not done.returncode, done.stderr
        return {**json.loads(done.stdout), "origin": origin}

    return run
