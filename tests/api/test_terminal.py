"""`parley serve` at a terminal: workers share its session, write to it, and don't hear its Ctrl-C."""

import fcntl
import os
import pty
import re
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx

from tests.api.commands import COMMAND, SECRET, Parley
from tests.processes import PATIENCE_SECONDS, children, gone, until


@dataclass
class Terminal:
    """One that stops whoever writes to it from the background, as `stty tostop` has it."""

    keyboard: int
    screen: bytearray = field(default_factory=bytearray)

    def type(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)

    def shows(self, sought: str) -> re.Match[str] | None:
        return re.search(sought, self.screen.decode(errors="replace"))

    def follow(self) -> None:
        """Take in what is written, to the end."""
        while True:
            try:
                written = os.read(self.keyboard, 65_536)
            except OSError:  # nobody has it open any more
                return
            self.screen += written


@contextmanager
def at_a_terminal(parley: Parley, *arguments: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """The command, which leads the terminal's session, as a shell's would that ran nothing else."""
    keyboard, line = pty.openpty()
    modes = termios.tcgetattr(line)
    modes[3] |= termios.TOSTOP
    termios.tcsetattr(line, termios.TCSANOW, modes)
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=parley.directory,
        env=parley.environment,
        stdin=line,
        stdout=line,
        stderr=line,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(line)
    terminal = Terminal(keyboard)
    following = Thread(target=terminal.follow)
    following.start()
    try:
        yield terminal, process
    finally:
        started = list(children(process.pid))
        process.kill()
        process.wait()
        assert gone(started, seconds=PATIENCE_SECONDS)
        following.join()
        os.close(keyboard)


def test_workers_write_to_the_terminal_and_end_with_the_command(tmp_path: Path) -> None:
    variables = {"DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": SECRET, "LOG_LEVEL": "info"}
    with at_a_terminal(Parley(tmp_path, variables), "serve", "--port", "0", "--workers", "2") as (terminal, process):
        address = until(lambda: terminal.shows(r"Parley serves (http://\S+)/graphql"))[1]
        workers = [pid for pid, command in children(process.pid).items() if "api.worker" in command]
        assert [os.getsid(pid) for pid in workers] == [process.pid] * 2, "priorities hold among all of them"
        assert [os.getpgid(pid) for pid in workers] == workers
        assert httpx.get(f"{address}/healthz", timeout=PATIENCE_SECONDS).status_code == 200
        until(lambda: terminal.shows("/healthz"))
        started = list(children(process.pid))
        terminal.type(b"\x03")
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        assert gone(started, seconds=0.5)
        assert terminal.shows("stopped")
        assert not terminal.shows("Traceback")
