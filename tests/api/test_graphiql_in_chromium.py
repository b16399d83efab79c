"""GraphiQL in a real browser, against a real server: `browser/graphiql.mjs` clicks, the tests judge what it saw."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.demo_world import PEOPLE
from tests.processes import until

BROWSER = Path(__file__).with_name("browser")
NAMES = ("chromium", "chromium-browser", "google-chrome")
EXAMPLES = ("Me", "Conversations", "Branches", "Start", "Append")


def program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"no {names[0]} here: the browser test needs chromium, node and npm")


@pytest.fixture(scope="module")
def playwright(pytestconfig: pytest.Config) -> Path:
    """A folder with playwright-core; pytest's cache keeps it for the next run."""
    npm = program("npm")
    assert pytestconfig.cache
    folder = pytestconfig.cache.mkdir("playwright")
    shutil.copy(BROWSER / "package.json", folder)
    command = [npm, "install", "--prefer-offline", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install playwright-core: {done.stderr.strip()[-300:]}")
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a demo server, with stores of its own."""
    command = [sys.executable, "-m", "api", "serve", "--demo", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    environment |= {"PARLEY_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    output = folder / "output"
    with (
        output.open("wb") as file,
        subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT) as server,
    ):
        try:
            yield until(lambda: address(server, output.read_text()), seconds=90)
        finally:
            server.send_signal(signal.SIGTERM)


def address(server: subprocess.Popen[bytes], output: str) -> str | None:
    assert server.poll() is None, f"the server ended: {output}"
    found = re.search(r"serves (\S+)/graphql", output)
    return found[1] if found else None


@pytest.fixture(scope="module")
def seen(playwright: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    node, chromium = program("node"), program(*NAMES)
    with serving(tmp_path_factory.mktemp("graphiql")) as origin:
        profile = tmp_path_factory.mktemp("profile")
        command = [node, str(BROWSER / "graphiql.mjs"), origin, chromium, str(profile), str(playwright)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
        assert not done.returncode, done.stderr
        yield json.loads(done.stdout) | {"origin": origin}


def test_nothing_goes_wrong_in_the_console(seen: dict[str, Any]) -> None:
    assert seen["problems"] == []


def test_no_request_leaves_the_server_that_the_page_came_from(seen: dict[str, Any]) -> None:
    origin = seen["origin"]
    assert len(seen["requests"]) > 15
    assert [address for address in seen["requests"] if not address.startswith(f"{origin}/graphql")] == []
    assert set(seen["sockets"]) == {f"{origin.replace('http', 'ws', 1)}/graphql"}


def test_one_click_logs_a_demo_account_in(seen: dict[str, Any]) -> None:
    assert seen["accounts"] == [person.name for person in PEOPLE]
    assert "Ada Admin" in seen["who"]
    assert seen["answers"]["Me"]["data"]["me"]["email"] == "admin@demo.example"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_is(seen: dict[str, Any], example: str) -> None:
    assert "errors" not in seen["answers"][example]
    assert all(seen["answers"][example]["data"].values())


def test_the_docs_open(seen: dict[str, Any]) -> None:
    assert "conversations(" in seen["docs"]


def test_a_message_that_is_appended_elsewhere_arrives(seen: dict[str, Any]) -> None:
    event = seen["live"]["data"]["conversationEvents"]
    assert event["__typename"] == "MessageAdded"
    assert event["message"]["content"] == "said elsewhere"
    assert [frame["type"] for frame in seen["frames"]][:2] == ["connection_init", "subscribe"]


def test_no_token_is_stored_in_the_browser(seen: dict[str, Any]) -> None:
    assert len(seen["tokens"]) == 2
    assert [token for token in seen["tokens"] if token in seen["stored"]] == []
