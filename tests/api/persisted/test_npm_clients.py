"""Apollo Client and urql, as npm has them, name documents by hashes and by ids."""

import asyncio
import json
from pathlib import Path

import pytest

from api.persisted import PersistedSettings
from permissions.audit.events import SYSTEM
from permissions.operations import manifest
from permissions.operations.manifest import digest
from tests.api.clients import START
from tests.api.persisted.asking import Sound, serve_with
from tests.api.test_socket_expiry import listening
from tests.npm import packages, program
from tests.served import Served

SCRIPT = Path(__file__).with_name("clients.mjs")
PACKAGES = SCRIPT.parents[1] / "ws" / "package.json"
BODY = "query Trusted {\n  me {\n    displayName\n  }\n}"
MANIFEST = json.dumps(
    {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": digest(BODY), "body": BODY, "name": "Trusted", "type": "query"}],
    }
)

ANY = """\
apollo, hash, first: Alice: GET, POST with text
urql, hash, first: Alice: GET, GET with text
apollo, hash, again: Alice: GET
urql, hash, again: Alice: GET
apollo, id: Alice: POST
urql, id: Alice: GET
urql, documentId: Alice: GET
apollo, socket: ResyncRequired: WS with text
urql, socket, first: ResyncRequired: WS, WS with text
urql, socket, again: ResyncRequired: WS
urql, event stream, first: ResyncRequired: POST, POST with text
urql, event stream, again: ResyncRequired: POST""".splitlines()
UNTRUSTED = "QUERY_NOT_IN_SAFELIST"
ONLY_TRUSTED = f"""\
apollo, hash, first: {UNTRUSTED}: GET, POST with text
urql, hash, first: {UNTRUSTED}: GET, GET with text
apollo, hash, again: {UNTRUSTED}: GET, POST with text
urql, hash, again: {UNTRUSTED}: GET, GET with text
apollo, id: Alice: POST
urql, id: Alice: GET
urql, documentId: Alice: GET
apollo, socket: {UNTRUSTED}: WS with text
urql, socket, first: {UNTRUSTED}: WS, WS with text
urql, socket, again: {UNTRUSTED}: WS, WS with text
urql, event stream, first: {UNTRUSTED}: POST, POST with text
urql, event stream, again: {UNTRUSTED}: POST, POST with text""".splitlines()


@pytest.fixture
def installed(pytestconfig: pytest.Config) -> tuple[str, Path]:
    """Node, and what is installed for it: before anything is served, for that takes long and holds the event loop."""
    return program("node"), packages(pytestconfig, PACKAGES)


@pytest.mark.conformance("@apollo/client", "persisted operations by hash and id", checks=2 * 4)
@pytest.mark.conformance("@urql/core", "persisted operations by hash and id", checks=2 * 8)
async def test_both_ask_by_hash_and_by_id_over_every_transport(installed: tuple[str, Path], served: Served) -> None:
    node, folder = installed
    alice = await served.as_("alice")
    conversation = (await alice.ask(START)).data["startConversation"]["conversation"]["id"]
    await served.services.register.register(manifest.parse(MANIFEST), Sound(), SYSTEM)

    async with listening(served) as address:
        url = address.replace("ws:", "http:")
        arguments = [str(SCRIPT), url, str(folder), alice.token or "", conversation, MANIFEST]
        piped = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(node, *arguments, stdin=piped, stdout=piped)
        try:
            assert await told(process) == ANY
            serve_with(served, PersistedSettings(only_trusted=True))
            assert await told(process) == ONLY_TRUSTED
        finally:
            process.kill()
            await process.communicate()


async def told(process: asyncio.subprocess.Process) -> list[str]:
    """What its clients say of all that they ask."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"\n")
    lines = list[str]()
    async with asyncio.timeout(60):
        while line := (await process.stdout.readline()).decode().strip():
            lines.append(line)
    return lines
