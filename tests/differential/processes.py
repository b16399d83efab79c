"""A process for each shard, which is begun anew where it ended early: what it had told stays done."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from tests.differential.shards import FOLDER, Shard

COMMAND: Final = ("-W", "ignore", "-m", "pytest", "-q", "-n0", "-p", "no:unraisableexception", "-W", "ignore")
WHAT: Final = ("-m", "benchmark", "tests/differential/test_long.py")
MOST_BEGUN: Final = 10
END_SECONDS: Final = 60


@dataclass
class Process:
    """`begun`: how often."""

    shard: Shard
    begun: int = 0
    running: subprocess.Popen[bytes] | None = None

    @property
    def status(self) -> int | None:
        """As it ended last."""
        return self.running.poll() if self.running else None

    def begin(self) -> None:
        """Its log says why it ended the last time, too."""
        self.begun += 1
        with (FOLDER / f"{self.shard.number}.log").open("a") as log:
            self.running = subprocess.Popen(
                (sys.executable, *COMMAND, *WHAT), env=self.shard.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def goes_on(self) -> bool:
        """Whether it runs; it does again where it has failed without that something was found."""
        if self.status is None:
            return True
        wrong = any(part.tally.found for part in self.shard.heard().values())
        if self.status == 0 or wrong or self.begun >= MOST_BEGUN:
            return False
        self.begin()
        return True

    def end(self) -> None:
        """Its stores end with it."""
        if self.running is None:
            return
        self.running.terminate()
        try:
            self.running.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
