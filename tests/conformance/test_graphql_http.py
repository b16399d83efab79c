"""The audit of GraphQL over HTTP by its reference implementation passes whole: MUST, SHOULD and MAY."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.api.test_socket_expiry import listening
from tests.npm import packages, program
from tests.served import Served

SCRIPT = Path(__file__).with_name("graphql_http.mjs")
AUDITS = 61


async def test_all_audits_pass(served: Served, pytestconfig: pytest.Config) -> None:
    node, folder = program("node"), packages(pytestconfig, SCRIPT.with_name("package.json"))
    admin = await served.as_("admin")
    async with listening(served) as address:
        url = address.replace("ws:", "http:")
        command = [node, str(SCRIPT), url, str(folder), str(admin.token)]
        audit = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await audit.communicate()
    results = json.loads(out)
    assert [each for each in results if each["status"] != "ok"] == []
    assert len(results) == AUDITS
