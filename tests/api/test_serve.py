"""`parley serve` as a process: it answers, stops wholly, survives its parts, and refuses in one line."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.cli.demo import loopback
from api.cli.serve import done
from api.demo_world import PASSWORD
from models.embedded import EmbeddedStores
from tests.api.commands import SECRET, Here, Outcome, Parley, Server
from tests.processes import gone, kill_9, until


def secretive(directory: Path) -> Parley:
    return Parley(directory, {"SECRET_KEY": SECRET, "DATA_DIR": str(directory / "data")})


@pytest.fixture
def parley(tmp_path: Path) -> Parley:
    return secretive(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parley, Server]]:
    """A server that several tests look at; none of them ends it."""
    parley = secretive(tmp_path_factory.mktemp("serve"))
    with parley.serve() as server:
        yield parley, server


def healthy(server: Server) -> bool:
    return httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200


def conversations_of_alice(server: Server) -> int:
    """How many Alice sees, signed in as people do."""
    login = f'mutation {{ login(input: {{email: "alice@demo.example", password: "{PASSWORD}"}}) {{ accessToken }} }}'
    with httpx.Client(base_url=server.url, timeout=30) as client:
        token = client.post("/graphql", json={"query": login}).json()["data"]["login"]["accessToken"]
        query = {"query": "{ conversations(first: 100) { edges { node { id } } } }"}
        answer = client.post("/graphql", json=query, headers={"Authorization": f"Bearer {token}"}).json()
    return len(answer["data"]["conversations"]["edges"])


def refused(outcome: Outcome, *words: str) -> bool:
    """Whether it failed with status 1 and a single line that has these words."""
    assert outcome.status == 1, outcome
    assert outcome.err.count("\n") == 1, outcome
    assert all(word in outcome.err for word in words), outcome
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopping_signal_ends_workers_and_stores_and_leaves_nothing(parley: Parley, number: int) -> None:
    with parley.serve("--workers", "2") as server:
        assert healthy(server)
        started = server.started()
        assert len(server.started("api.worker")) == 2
        assert len(started) == 5  # and the keeper with two stores
        assert server.stop(number) == 0
        assert gone(started, seconds=0.5)
        assert server.output.endswith("stopped\n")


def test_a_stop_during_the_start_is_a_stop_too(parley: Parley) -> None:
    with parley.serve(ready="(embedded MongoDB and Redis)") as server:
        started = server.started()
        assert server.stop(signal.SIGTERM) == 0
        assert gone(started, seconds=0.5)
        assert "Traceback" not in server.output


def test_a_stop_waits_for_what_must_not_be_cut_in_two() -> None:
    """A library's locks, say: an exception amid its coroutine would leave them held."""
    steps: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("not cut in two")
        await asyncio.sleep(60)
        steps.append("not stopped")

    before = signal.getsignal(signal.SIGTERM)
    assert asyncio.run(done(work())) is False
    assert steps == ["not cut in two"]
    assert signal.getsignal(signal.SIGTERM) is before


async def test_what_fails_by_itself_says_so() -> None:
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await done(work())


def test_the_demo_can_be_logged_in_to_and_is_found_again(tmp_path: Path) -> None:
    parley = Parley(tmp_path, {"DATA_DIR": str(tmp_path / "data")})
    with parley.serve("--demo") as server:
        first = conversations_of_alice(server)
        assert first > 0
        until(lambda: "Ctrl-C" in server.output)
        assert server.stop(signal.SIGTERM) == 0
        assert "admin@demo.example" in server.output
        assert PASSWORD in server.output
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    with parley.serve("--demo") as server:
        assert conversations_of_alice(server) == first


def test_a_parent_killed_with_9_leaves_nothing_and_a_second_start_takes_its_place(parley: Parley) -> None:
    with parley.serve() as server:
        started = server.started()
        kill_9(server.process.pid)
        server.wait()
        with parley.serve("--port", server.port) as second:
            assert healthy(second)
            assert gone(started)


@pytest.mark.parametrize("program", ["api.worker", "secantusd-rs --config", "valkey-server"])
def test_a_part_that_dies_gets_a_successor(shared: tuple[Parley, Server], program: str) -> None:
    _, server = shared
    (first,) = server.started(program)
    kill_9(first)
    until(lambda: set(server.started(program)) - {first})
    until(lambda: httpx.get(f"{server.url}/readyz", timeout=10).status_code == 200)


def test_stores_that_are_gone_for_good_end_the_server_with_a_sentence(parley: Parley) -> None:
    with parley.serve() as server:
        (keeper,) = server.started("keeper.py")
        kill_9(keeper)
        assert server.wait() == 1
        # Both went with their keeper: whichever is missed first is named.
        assert any(f"embedded {store} does not run" in server.output for store in ("MongoDB", "Redis"))
        assert "Traceback" not in server.output


def test_a_port_in_use_is_one_clear_line(shared: tuple[Parley, Server], parley: Parley, tmp_path: Path) -> None:
    _, server = shared
    assert refused(parley.here("serve", "--port", server.port), f"port {server.port}", "in use", "PARLEY_PORT")
    assert not (tmp_path / "data").exists()


def test_a_data_directory_in_use_is_one_clear_line(shared: tuple[Parley, Server]) -> None:
    parley, server = shared
    outcome = parley("serve", "--port", "0")
    assert refused(outcome, "in use by process", str(server.process.pid), "PARLEY_DATA_DIR")


def test_other_commands_attach_to_the_stores_of_a_running_server(shared: tuple[Parley, Server]) -> None:
    parley, server = shared
    started = server.started()
    assert parley.here("migrate") == Outcome(0, "nothing to do\n", "")
    assert server.started() == started


def test_without_a_secret_nothing_starts(parley: Parley, tmp_path: Path) -> None:
    outcome = Here(tmp_path, {"DATA_DIR": str(tmp_path / "data")})("serve")
    assert refused(outcome, "PARLEY_SECRET_KEY", "--demo")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # everybody's
        ("::", False),
        ("192.0.2.1", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_loopback_hosts_are_told_from_others(host: str, ours: bool) -> None:
    assert loopback(host) is ours


def test_the_demo_is_for_this_machine_only(parley: Parley) -> None:
    assert refused(parley.here("serve", "--demo", "--host", "0.0.0.0"), "this machine only", "0.0.0.0")
    assert gc.isenabled(), "it is off while a server imports, and only then"


def test_the_demo_never_touches_other_stores(tmp_path: Path) -> None:
    elsewhere = {"MONGODB_URI": "mongodb://u:hidden@127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
    outcome = Here(tmp_path, elsewhere)("serve", "--demo")
    assert refused(outcome, "embedded stores only", "PARLEY_MONGODB_URI")
    assert "hidden" not in outcome.err


@pytest.mark.parametrize("silent", ["MONGODB_URI", "REDIS_URL"])
def test_a_store_that_does_not_answer_is_one_clear_line(stores: EmbeddedStores, tmp_path: Path, silent: str) -> None:
    there = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "SECRET_KEY": SECRET}
    nobody = f"{there[silent].partition(':')[0]}://u:hidden@127.0.0.1:1"
    outcome = Parley(tmp_path, {**there, silent: nobody})("serve", "--port", "0")
    assert refused(outcome, f"PARLEY_{silent}")
    assert "hidden" not in outcome.err


def test_one_store_of_two_is_one_clear_line(tmp_path: Path) -> None:
    outcome = Parley(tmp_path, {"REDIS_URL": "redis://127.0.0.1:1", "SECRET_KEY": SECRET})("serve")
    assert refused(outcome, "both PARLEY_MONGODB_URI and PARLEY_REDIS_URL")
