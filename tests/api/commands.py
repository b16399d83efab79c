"""Runs `parley` as people do: as a process with an environment of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner

from api.cli.application import app
from api.cli.problems import explain
from tests.processes import PATIENCE_SECONDS, children, gone, kill_9, until

COMMAND = [sys.executable, "-P", "-m", "api"]
SECRET = "a secret of the tests, 32 characters and more"


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    status: int
    out: str
    err: str


@dataclass
class Server:
    """A running `parley serve`, and the file into which it speaks."""

    process: subprocess.Popen[bytes]
    said: Path
    url: str = ""

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self.said.read_text()

    def said_or_ended(self, sought: str) -> re.Match[str] | None:
        """What it said that matches; fails if it has ended without."""
        found = re.search(sought, self.output)
        assert found or self.process.poll() is None, f"no server:\n{self.output}"
        return found

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def started(self, program: str = "") -> list[int]:
        """The processes that it started, or those of them with `program` in their command line."""
        return [pid for pid, command in children(self.process.pid).items() if program in command]

    def wait(self) -> int:
        """Its exit status, when it has ended."""
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def stop(self, number: int) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.wait()


@dataclass(frozen=True)
class Parley:
    """The command line in a directory of its own, with these `PARLEY_…` variables and no others."""

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        return {**inherited, **{f"PARLEY_{name}": value for name, value in self.variables.items()}}

    def __call__(self, *arguments: str, typed: str = "") -> Outcome:
        """Run to the end."""
        ended = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_SECONDS,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    @property
    def here(self) -> "Here":
        """The same in this process, for what a test needs done before a server starts."""
        return Here(self.directory, self.variables)

    @contextmanager
    def serve(self, *arguments: str, ready: str = r"Parley serves (http://\S+)/graphql") -> Iterator[Server]:
        """A server for the length of a block, which begins when it has said what matches `ready`.

        Its port is a free one, unless `--port` is among the arguments.
        """
        said = self.directory / f"serve-{time.monotonic_ns()}.txt"
        with said.open("wb") as file:
            process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0", *arguments],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # as if from a terminal of its own: what the soak does to its own is not for it
            )
        server = Server(process, said)
        try:
            server.url = until(lambda: server.said_or_ended(ready))[1]
            yield server
        finally:
            started = server.started()
            process.kill()
            process.wait()
            # By themselves the workers would end, too (`test_serve` shows it), after 12 s of looking for the stores.
            for pid in started:
                with suppress(ProcessLookupError):
                    kill_9(pid)
            assert gone(started)


@dataclass(frozen=True)
class Here(Parley):
    """The same in this process: each of its own takes two seconds of a core before it does anything.

    Not while a test holds a database: each command binds the documents to its own.
    """

    def __call__(self, *arguments: str, typed: str = "") -> Outcome:
        """Run to the end."""
        others = {name: None for name in os.environ if name.startswith("PARLEY_")}
        named = {f"PARLEY_{name}": value for name, value in self.variables.items()}
        with chdir(self.directory):
            ended = CliRunner().invoke(app, arguments, input=typed, env={**others, **named})
        error = ended.exception
        if isinstance(error, Exception):
            return Outcome(1, ended.stdout, f"parley: {explain(error)}\n")
        return Outcome(ended.exit_code, ended.stdout, ended.stderr)
