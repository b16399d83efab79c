"""An application's project of Node, in a folder of its own: sources, schema, and the packages that it names."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.npm import packages, program

HERE: Final = Path(__file__).parent
SCHEMA: Final = HERE.parents[1] / "api" / "schema.graphql"
PATIENCE_SECONDS: Final = 120
"""Far more than anything takes, on a busy machine too."""


@dataclass(frozen=True)
class Project:
    """Where it is, and what runs it."""

    folder: Path
    node: str

    @classmethod
    def copy(cls, folder: Path, config: pytest.Config) -> "Project":
        """That of the tests, in an empty folder."""
        node, installed = program("node"), packages(config, HERE / "package.json")
        shutil.copytree(HERE / "client", folder, dirs_exist_ok=True)
        shutil.copy(SCHEMA, folder)
        (folder / "node_modules").symlink_to(installed / "node_modules")
        return cls(folder, node)

    def try_(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script, or what a package brings along."""
        brought = self.folder / "node_modules" / ".bin" / script
        command = [self.node, str(brought if brought.exists() else script), *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )

    def run(self, script: str, *arguments: str) -> str:
        """The same, which must succeed: what it said."""
        done = self.try_(script, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def checks(self, script: str, *arguments: str) -> list[dict[str, Any]]:
        """What a script tells line by line: what it looked at, whether that holds, and what was found."""
        return [json.loads(line) for line in self.run(script, *arguments).splitlines()]
