"""Runs `parley` as people do: as a process with an environment of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import children, gone

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
    """A running `parley serve`. `output` is what it has said up to being ready, and all of it once stopped."""

    process: subprocess.Popen[str]
    url: str
    output: str

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def started(self, program: str = "") -> list[int]:
        """The processes that it started, or those of them with `program` in their command line."""
        return [pid for pid, command in children(self.process.pid).items() if program in command]

    def wait(self) -> int:
        """Its exit status, when it has ended."""
        self.output += self.process.communicate(timeout=30)[0]
        return self.process.returncode

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
            timeout=60,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def serve(self, *arguments: str, until: str = r"Parley serves (http://\S+)/graphql") -> Iterator[Server]:
        """A server for the length of a block, which begins with the line that matches `until`.

        Its port is a free one, unless `--port` is among the arguments.
        """
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        server = Server(process, "", "")
        try:
            self._await(server, until)
            yield server
        finally:
            started = server.started()
            process.kill()
            process.communicate()
            assert gone(started)

    @staticmethod
    def _await(server: Server, line_sought: str) -> None:
        assert server.process.stdout
        for line in server.process.stdout:
            server.output += line
            if found := re.search(line_sought, line):
                server.url = found[1]
                return
        raise AssertionError(f"no server:\n{server.output}")
