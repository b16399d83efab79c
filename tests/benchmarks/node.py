"""Servers on Node to measure beside: Apollo Server and Mercurius, on the same stores, where Node and npm are."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.benchmarks.load import HOST
from tests.benchmarks.servers import Server, running
from tests.npm import packages, program

HERE: Final = Path(__file__).parent / "node_servers"
OLDEST: Final = (20, 19)
"""What the driver of MongoDB needs."""
DECLARED: Final = ("PARLEY_MONGODB_URI", "PARLEY_DATABASE", "PARLEY_ISSUER", "PARLEY_AUDIENCE")


class NoNodeError(Exception):
    """They can't be run here; says why."""


@dataclass(frozen=True)
class NodeServers:
    """The programs beside their packages, as the lock has them."""

    node: str
    release: str
    folder: Path

    @classmethod
    def copy(cls, folder: Path, config: pytest.Config) -> "NodeServers":
        """Those of the benchmark, in a new folder. Raise `NoNodeError`."""
        try:
            node, installed = program("node"), packages(config, HERE / "package.json")
        except pytest.skip.Exception as missing:
            raise NoNodeError(str(missing)) from None
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        release = told.strip().removeprefix("v")
        if tuple(map(int, release.split(".")[:2])) < OLDEST:
            raise NoNodeError(f"Node {release} is too old: {'.'.join(map(str, OLDEST))} is needed")
        shutil.copytree(HERE, folder)
        (folder / "node_modules").symlink_to(installed / "node_modules")
        return cls(node, release, folder)

    @contextmanager
    def serving(self, script: str, environment: Mapping[str, str], keys_of: Server) -> Iterator[Server]:
        """One of them, which verifies tokens by the keys that `keys_of` publishes."""
        declared = {name: environment[name] for name in DECLARED}
        jwks = f"http://{HOST}:{keys_of.port}/.well-known/jwks.json"
        given = {**declared, "BENCH_JWKS": jwks, "NODE_ENV": "production"}
        log = self.folder / f"{script}.log"
        with running([self.node, str(self.folder / script)], given, log) as server:
            yield server

    def version(self, package: str) -> str:
        """Which one is installed."""
        described = (self.folder / "node_modules" / package / "package.json").read_text()
        return described.partition('"version": "')[2].partition('"')[0]
