"""One's own conversations out and in over HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from models.conversation import Conversation
from tests.api.attachments.conftest import Sender
from tests.resolvers.chat.documents import append, chat, start
from tests.served import Caller, Served


def bearer(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.token}"} if caller.token else {}


async def export(caller: Caller, format_name: str = "parley") -> httpx.Response:
    return await caller.http.get("/export", params={"format": format_name}, headers=bearer(caller))


async def send(caller: Caller, data: bytes | AsyncIterator[bytes], format_name: str = "parley") -> httpx.Response:
    return await caller.http.post("/import", params={"format": format_name}, content=data, headers=bearer(caller))


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in response.text.splitlines()]


async def test_what_alice_exports_bob_imports(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    await chat(alice, 5, title="mine", attributes={"region": "EMEA"})
    answer = await export(alice)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.headers["content-disposition"] == 'attachment; filename="conversations.parley.ndjson"'
    assert [each["type"] for each in lines(answer)][-1] == "done"
    assert (lines(answer)[-1]["conversations"], lines(answer)[-1]["messages"]) == (1, 5)
    sent = await send(bob, answer.content)
    assert sent.status_code == 200
    assert lines(sent)[-1] == {"type": "summary", "imported": 1, "messages": 5, "unchanged": 0, "refused": 0}
    copy = await Conversation.find_one({"owner_id": bob.user.id if bob.user else None})
    assert copy
    assert (copy.title, copy.message_count, copy.attributes) == ("mine", 5, {"region": "EMEA"})
    assert lines(await send(bob, answer.content))[-1]["unchanged"] == 1
    for format_name in ("parley", "chatgpt"):
        exported = await export(bob, format_name)
        assert exported.json() if format_name == "chatgpt" else lines(exported)
        assert lines(await send(alice, exported.content, format_name))[-1]["imported"] == 1


async def test_files_are_named_and_come_back_as_a_note(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    sender = Sender(alice, await start(alice))
    message = await sender.attached(name="../../a.png")
    exported = await export(alice)
    (said,) = [each for each in lines(exported) if each["type"] == "message"]
    (file,) = said["attachments"]
    assert (file["name"], file["mediaType"]) == ("a.png", "image/png")
    assert file["sha256"] == message["attachments"][0]["sha256"]
    assert lines(await send(bob, exported.content))[-1]["imported"] == 1
    copies = {"conversation_id": {"$in": [each.id async for each in Conversation.find({"source": {"$ne": None}})]}}
    bucket = await served.services.database.db.buckets.find_one(copies)
    assert bucket
    assert bucket["messages"][0]["metadata"]["extra"]["attachments"] == [file]
    assert "attachments" not in bucket["messages"][0]


async def test_headers_alone_cost_no_export(served: Served) -> None:
    alice = await served.as_("alice")
    answer = await served.http.head("/export", headers=bearer(alice))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"
    for method, path in (("POST", "/export"), ("GET", "/import"), ("OPTIONS", "/import")):
        refused = await served.http.request(method, path, headers=bearer(alice))
        status = 204 if method == "OPTIONS" else 405
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (status, False)


async def test_exports_and_imports_stand_in_the_audit_log(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    await send(alice, (await export(alice)).content)
    found = (await admin.ask("{ auditEvents(first: 10) { edges { node { kind } } } }")).data["auditEvents"]["edges"]
    kinds = [each["node"]["kind"] for each in found]
    assert {"conversations.exported", "conversations.imported"} <= set(kinds)


async def test_nobody_gets_what_is_not_his(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    await start(alice, title="secret of alice")
    assert "secret" not in (await export(admin)).text  # though he may read it
    for caller in (served.nobody, Caller(served.http, token="forged")):
        for answer in (await export(caller), await send(caller, b"{}")):
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    cookies = {"Cookie": "parley_refresh=x", "X-CSRF-Protection": "1"}
    assert (await served.http.get("/export", headers=cookies)).status_code == 401


async def test_who_may_not_see_metadata_exports_none(served: Served) -> None:
    for name, seen in (("alice", True), ("john", False)):
        caller = await served.as_(name)
        conversation = await start(caller)
        await append(caller, conversation, "x", metadata={"llmModel": "gpt-secret", "tokensIn": 77})
        for format_name in ("parley", "chatgpt"):
            text = (await export(caller, format_name)).text
            assert ("gpt-secret" in text) == seen, (name, format_name, text)
