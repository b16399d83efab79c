"""Stores that ask who comes: passwords, accounts and TLS by their addresses. Where that fails, none is shown."""

import os
import shutil
import subprocess
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import structlog
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from api.cli.problems import explain
from models.database import Database, Record
from models.embedded import servers
from models.embedded.stores import free_ports, listening
from models.redis import open_redis
from resolvers.live import Event, RedisBroker
from tests.processes import until
from tests.redis_topologies import binary

PASSWORD: Final = "hunter2/@"
CODED: Final = "hunter2%2F%40"
WRONG: Final = "swordfish"
SYSTEM_SERVER: Final = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
"""The embedded one is built without TLS."""


@contextmanager
def running(argv: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server for the block."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(argv, stdout=quiet, stderr=quiet, env={**os.environ, **(environment or {})})
    try:
        until(lambda: listening(port) or process.poll() is not None)
        if process.poll() is not None and "--tls-port" in argv:
            pytest.skip(f"{argv[0]} ends at once: it is built without TLS, perhaps")
        yield
    finally:
        process.kill()
        process.wait()


def made_by_openssl(directory: Path) -> Path:
    """An authority of our own, and what it says of this machine."""

    def ask(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=directory, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ask(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    ask(*new, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    ask("x509", "-req", "-days", "2", "-in", "server.csr", *signed, "-out", "server.pem")
    return directory / "ca.pem"


@pytest.fixture(params=["redis", "rediss"])
def secured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int, str]]:
    """A Redis with a password, and an account with the same: its scheme, port, and what else the address says."""
    (port,) = free_ports(1)
    common = ["--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "", "--requirepass", PASSWORD]
    common += ["--user", "ann", "on", f">{PASSWORD}", "~*", "&*", "+@all"]
    argv, options = [binary(), "--port", str(port)], ""
    if request.param == "rediss":
        if SYSTEM_SERVER is None or shutil.which("openssl") is None:
            pytest.skip("no redis-server that may know TLS, or no openssl, is installed")
        options = f"?ssl_ca_certs={made_by_openssl(tmp_path)}"
        files = {"ca-cert-file": "ca.pem", "cert-file": "server.pem", "key-file": "server.key"}
        argv = [SYSTEM_SERVER, "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
        argv += [each for name, file in files.items() for each in (f"--tls-{name}", str(tmp_path / file))]
    with running([*argv, *common], port):
        yield request.param, port, options


@pytest.mark.parametrize("who", [f":{CODED}", f"ann:{CODED}"])
async def test_events_flow_by_a_redis_that_asks_for_a_password(secured: tuple[str, int, str], who: str) -> None:
    scheme, port, options = secured
    address = f"{scheme}://{who}@127.0.0.1:{port}/0{options}"
    async with RedisBroker(address) as broker, broker.subscribe("news") as news:
        await broker.publish("news", b"said")
        event = await anext(aiter(news))
    assert isinstance(event, Event)
    assert event.payload == b"said"


async def test_who_is_refused_by_redis_is_told_no_password(secured: tuple[str, int, str]) -> None:
    scheme, port, options = secured
    addresses = [f"{scheme}://{who}@127.0.0.1:{port}/0{options}" for who in (f"ann:{WRONG}", f":{WRONG}")]
    if scheme == "rediss":
        addresses += [f"rediss://ann:{CODED}@127.0.0.1:{port}/0", f"redis://ann:{CODED}@127.0.0.1:{port}/0"]
    for address in addresses:
        with structlog.testing.capture_logs() as lines, pytest.raises(RedisError) as refused:
            async with open_redis(address, retries=0) as redis:
                await redis.ping()
        assert silent([refused.value, lines])


async def test_a_mongodb_that_asks_for_a_password_lets_in_who_has_it_and_tells_none(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = servers.mongodb(tmp_path, port)
    options = "directConnection=true&authSource=admin&serverSelectionTimeoutMS=10000"
    with running(server.argv, port, server.env):
        open_to_all: MongoClient[Record] = MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true")
        with open_to_all as client:
            client.admin.command("createUser", "ann", pwd=PASSWORD, roles=["root"])
    with running([*server.argv, "--auth"], port, server.env):
        good = f"mongodb://ann:{CODED}@127.0.0.1:{port}/?{options}"
        assert await asked(good) is None
        for address in (good.replace(CODED, WRONG), good.replace(f"ann:{CODED}@", "")):
            with pytest.raises(PyMongoError) as refused:
                await asked(address)
            assert silent([refused.value])


async def asked(address: str) -> Record | None:
    """Something that isn't there."""
    database = await Database.connect(address, "db")
    try:
        return await database.db.things.find_one({"_id": 1})
    finally:
        await database.close()


def silent(said: list[object]) -> bool:
    """Whether no password is in it, however it is told."""
    told = [str(each) for each in said]
    for each in said:
        if isinstance(each, Exception):
            told += [explain(each), *traceback.format_exception(each)]
    return not any(secret in text for text in told for secret in (PASSWORD, CODED, WRONG))
