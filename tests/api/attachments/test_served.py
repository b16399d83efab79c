"""Over real sockets: 50 MB in flat memory, and clients that break off."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.attachments.conftest import BOUNDARY, form
from tests.api.clients import Person
from tests.api.commands import SECRET, Parley, Server
from tests.processes import until

EMAIL, PASSWORD = "a@parley.example", "a password of the tests"
SIZE = 50 * 1024 * 1024
GROWTH = 16 * 1024 * 1024
"""Bytes by which a worker may grow: a third of the file."""
PIECE = bytes(range(256)) * 256
ATTACH = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { attachments { url } } } }"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("attachments")
    variables = {"SECRET_KEY": SECRET, "DATA_DIR": str(path / "data"), "LOG_LEVEL": "error"}
    parley = Parley(path, {**variables, "ATTACHMENT_QUOTA_BYTES": str(SIZE + 2 * 1024 * 1024)})
    assert parley.here("user", "create", "--email", EMAIL, "--role", "super_admin", typed=PASSWORD).status == 0
    with parley.serve("--workers", "2") as running:
        yield running


def peak(server: Server) -> int:
    """The most bytes that any worker has had in memory since `forget`."""
    return max(_status(pid, "VmHWM") for pid in server.started("api.worker"))


def forget(server: Server) -> int:
    """Begin to measure; what they have now."""
    for pid in server.started("api.worker"):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return max(_status(pid, "VmRSS") for pid in server.started("api.worker"))


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def pieces(digest: "hashlib._Hash") -> Iterator[bytes]:
    """A body with a file of 50 MB, never whole in memory here either."""
    head, tail = form(b"|").split(b"|")
    yield head
    left = SIZE
    start = b"%PDF-1.7\n"
    while left:
        piece = (start or PIECE)[:left]
        start = b""
        digest.update(piece)
        left -= len(piece)
        yield piece
    yield tail


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to measure the memory of processes")
def test_fifty_megabytes_up_and_down_in_flat_memory(server: Server) -> None:
    person, digest = Person.login(server.url, EMAIL, PASSWORD), hashlib.sha256()
    headers = {**person.headers, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    with httpx.Client(timeout=60, verify=False, headers=person.headers) as http:
        warm = http.post(f"{server.url}/attachments", content=form(b"warm"), headers=headers)
        assert warm.status_code == 201
        before = forget(server)
        sent = http.post(f"{server.url}/attachments", content=pieces(digest), headers=headers)
        assert (sent.status_code, sent.json()["sha256"]) == (201, digest.hexdigest()), sent.text
        up = peak(server) - before
        sent_message = {"conversationId": person.start(), "content": "see", "attachmentIds": [sent.json()["id"]]}
        (file,) = person.ask(ATTACH, input=sent_message)["appendMessage"]["message"]["attachments"]
        before = forget(server)
        got = hashlib.sha256()
        with http.stream("GET", server.url + file["url"]) as answer:
            for piece in answer.iter_bytes():
                got.update(piece)
        assert got.hexdigest() == digest.hexdigest()
        down = peak(server) - before
    print(f"growth: {up / 1e6:.1f} MB up, {down / 1e6:.1f} MB down")  # noqa: T201 - for whoever asks by `-s`
    assert max(up, down) < GROWTH


@pytest.mark.parametrize("length", ["10000000", None])
def test_a_client_that_breaks_off_leaves_nothing_to_attach(server: Server, length: str | None) -> None:
    person = Person.login(server.url, EMAIL, PASSWORD)
    how = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
    head = (
        f"POST /attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n{how}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    body = form(bytes(1000))[:500]
    with socket.create_connection(("127.0.0.1", int(server.port))) as client:
        client.sendall(head.encode() + (body if length else b"1f4\r\n" + body + b"\r\n"))
        client.shutdown(socket.SHUT_WR)
        client.settimeout(20)
        client.recv(10_000)
    assert until(lambda: room(server, person), seconds=20)  # what it took of the quota is given back


def room(server: Server, person: Person) -> bool:
    """Whether there is room for a file of 50 MB, as there must be for one of which no length is announced."""
    headers = {**person.headers, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    unannounced = iter([form(b"text")])
    return httpx.post(f"{server.url}/attachments", content=unannounced, headers=headers, verify=False).is_success
