"""Exports and imports over HTTP that are abused, broken off, or whose right ends in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from starlette.types import Message

from api import lingering
from api.transfer.imports import Import, Imports
from api.transfer.routes import IMPORT
from api.transfer.streams import alone
from models.clock import now
from models.conversation import Conversation
from models.lease import lease
from models.transfer.parley.writing import ParleyWriting
from models.tree.sowing import Sowing
from tests.api.transfer.test_http import bearer, export, lines, send
from tests.models.transfer.exports import conversation as chatgpt_talk
from tests.models.transfer.exports import node
from tests.models.transfer.parley.test_attacks import DONE, FIRST, branch, packed, said, talk
from tests.resolvers.chat.documents import START, append, chat, start
from tests.served import Served

FILE = packed(FIRST) + talk(branch(), said(), attributes={"region": "EMEA"}) + DONE
END_SESSIONS = "mutation { logout { ended } }"
DELETE_MESSAGE = "mutation ($input: DeleteMessageInput!) { deleteMessage(input: $input) { messageId } }"
PUT = "mutation ($input: PolicyInput!) { putPolicy(input: $input) { permissionsToken } }"
BRANCH = "query ($id: ID!) { conversation(id: $id) { branches(first: 1) { edges { node { id } } } } }"
FORK = "mutation ($input: ForkConversationInput!) { forkConversation(input: $input) { conversation { id } } }"
DELETE = "mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { conversationId } }"


def spooled() -> list[Path]:
    return list(Path(gettempdir()).glob("parley-import-*"))


async def test_one_of_each_at_a_time(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    db = served.services.database.db
    assert alice.user
    for what, ask in (("export", export(alice)), ("import", send(alice, FILE))):
        async with lease(db, f"{what}:{alice.user.id}") as held:
            assert held
            answer = await ask
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")
            assert (await (export(bob) if what == "export" else send(bob, FILE))).status_code == 200
    for _ in range(2):
        assert (await export(alice)).status_code == 200
    assert not [each["_id"] async for each in db.leases.find({}) if str(each["_id"]).startswith(("export", "import"))][
        1:
    ]


async def test_what_a_pause_lost_to_another_is_not_taken_from_it(served: Served) -> None:
    alice, db = await served.as_("alice"), served.services.database.db
    assert alice.user
    async with alone(db, "export", alice.user.id) as held:
        assert held
        later = {"holder": "another", "until": now() + timedelta(minutes=1)}
        await db.leases.update_one({"_id": f"export:{alice.user.id}"}, {"$set": later})
    assert (await export(alice)).status_code == 429
    with pytest.raises(RuntimeError):
        async with alone(db, "import", alice.user.id):
            raise RuntimeError
    assert await db.leases.find_one({"_id": f"import:{alice.user.id}"}) is None


async def test_what_is_no_such_file_is_a_bad_request_that_names_no_path(served: Served) -> None:
    alice = await served.as_("alice")
    for data, format_name in ((b"nonsense", "parley"), (b"", "parley"), (b"{}", "chatgpt"), (FILE, "x"), (FILE, "")):
        answer = await send(alice, data, format_name)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")
        assert gettempdir() not in answer.text
    assert (await export(alice, "../../etc")).status_code == 400
    assert spooled() == []


async def test_a_body_over_the_limit_is_refused_while_it_comes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await served.as_("alice")
    monkeypatch.setattr(endpoint(served), "_most", len(FILE) - 1)
    monkeypatch.setattr(lingering, "MOST_BYTES", -1)  # what comes after the answer is thrown away

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield FILE

    for data in (FILE, endless()):
        answer = await send(alice, data)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (spooled(), await Conversation.find({}).to_list()) == ([], [])


def endpoint(served: Served) -> Imports:
    routes: Any = served.app
    found: Imports = next(route.endpoint for route in routes.router.routes if getattr(route, "path", None) == IMPORT)
    return found


async def test_what_is_refused_is_told_line_by_line(served: Served) -> None:
    alice = await served.as_("alice")
    bad = packed(FIRST) + talk(branch(), said(role="root"), id="bad") + FILE.partition(b"\n")[2]
    told = lines(await send(alice, bad))
    assert {
        "type": "refused",
        "where": "upload, line 4, in the conversation of line 2, which is left out",
        "reason": "`role` is none",
    } in told
    assert told[-1] == {"type": "summary", "imported": 1, "messages": 1, "unchanged": 0, "refused": 1}


async def test_an_import_ends_when_the_right_to_it_does(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two conversations of one file, the session being as good as ever."""
    alice, root = await served.as_("alice"), await served.as_("root")
    finish, judge, judged = Sowing.finish, Import.judge, asyncio.Event()

    async def denying(self: Sowing, chosen: str) -> bool:
        made = await finish(self, chosen)
        policy = {"name": "freeze", "effect": "DENY", "actions": ["conversation:create"]}
        assert (await root.ask(PUT, input=policy)).data
        judged.clear()
        await asyncio.wait_for(judged.wait(), 20)
        return made

    async def noted(self: Import) -> None:
        await judge(self)
        judged.set()

    monkeypatch.setattr(Sowing, "finish", denying)
    monkeypatch.setattr(Import, "judge", noted)
    monkeypatch.setattr("api.transfer.imports.TOLD_SECONDS", 0.01)
    monkeypatch.setattr("api.transfer.imports.JUDGED_SECONDS", 0.0)
    two = FILE.replace(DONE, talk(branch(), said(), id="another") + DONE)
    told = lines(await send(alice, two))[-1]
    assert (told["type"], told["imported"]) == ("failed", 1)
    assert "conversation:create" in told["reason"]
    assert await Conversation.find({}).count() == 1


async def test_an_export_ends_when_the_session_does(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first piece: the rest is not sent, and the file says that it isn't whole."""
    alice = await served.as_("alice")
    await chat(alice, 2, title="first")
    await chat(alice, 2, title="second")
    original = ParleyWriting.conversation
    times = 0

    async def ending(self: Any, *rest: Any) -> AsyncIterator[bytes]:
        nonlocal times
        async for piece in original(self, *rest):
            yield piece
        times += 1
        if times == 1:
            assert not (await alice.ask(END_SESSIONS)).codes

    monkeypatch.setattr(ParleyWriting, "conversation", ending)
    told = lines(await export(alice))
    assert [each.get("title") for each in told if each["type"] == "conversation"] == ["first"]
    assert told[-1] == {"type": "broken_off", "reason": "your access has ended"}
    report = lines(await send(await served.as_("bob"), b"".join(packed(each) for each in told)))
    assert report[-1]["imported"] == 1
    assert "no last line" in [each for each in report if each["type"] == "refused"][-1]["reason"]


async def test_a_deleted_or_removed_word_is_in_no_export(served: Served) -> None:
    """Before it is purged and after; nor is a conversation that is deleted."""
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1)
    for act in ("TOMBSTONE", "SUBTREE"):
        doomed = await append(alice, conversation, f"forget this {act}", metadata={"llmModel": f"unseen {act}"})
        assert (await alice.ask(DELETE_MESSAGE, input={"messageId": doomed["id"], "mode": act})).data
    gone = await start(alice, title="forget this conversation")
    assert (await alice.ask(DELETE, input={"conversationId": gone})).data
    for _ in range(2):
        for format_name in ("parley", "chatgpt"):
            text = (await export(alice, format_name)).text
            assert "m0" in text
            assert "forget" not in text
            assert "unseen" not in text
        await served.services.tree.purge((await Conversation.find({}).to_list())[0].updated_at.replace(year=2100))


async def test_a_client_that_is_gone_ends_its_export(served: Served) -> None:
    """And may begin another at once."""
    alice = await served.as_("alice")
    for _ in range(3):
        await chat(alice, 1)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def deaf(message: Message) -> None:
        sent.append(message)
        await asyncio.Event().wait()

    scope = {
        "type": "http", "method": "GET", "path": "/export", "raw_path": b"/export", "query_string": b"",
        "headers": [(b"authorization", bearer(alice)["Authorization"].encode())], "http_version": "1.1",
        "root_path": "", "server": ("x", 80), "client": ("127.0.0.1", 1), "scheme": "http", "asgi": {"version": "3.0"},
    }  # fmt: skip
    async with asyncio.timeout(20):
        await served.app(scope, receive, deaf)
    assert sent == []
    assert (await export(alice)).status_code == 200


async def test_conditions_on_what_may_be_made_hold_for_every_way_to_make_it(served: Served) -> None:
    """They look at attributes, of which what comes from another system has none."""
    alice, root = await served.as_("alice"), await served.as_("root")
    source = await start(alice, attributes={"region": "APAC"})
    branch_id = (await alice.ask(BRANCH, id=source)).data["conversation"]["branches"]["edges"][0]["node"]["id"]
    policy = {"name": "regional", "effect": "DENY", "actions": ["conversation:create"]}
    assert (await root.ask(PUT, input={**policy, "unless": 'resource.region == "EMEA"'})).data
    foreign = json.dumps([chatgpt_talk(node("a", None))]).encode()
    elsewhere = packed(FIRST) + talk(branch(), said(), attributes={"region": "APAC"}) + DONE
    for answer in (await send(alice, foreign, "chatgpt"), await send(alice, elsewhere)):
        assert (lines(answer)[-1]["imported"], lines(answer)[-1]["refused"]) == (0, 1)
    assert (await alice.ask(START, input={"attributes": {"region": "APAC"}})).codes == ["FORBIDDEN"]
    assert (await alice.ask(FORK, input={"branchId": branch_id})).codes == ["FORBIDDEN"]
    assert lines(await send(alice, FILE))[-1]["imported"] == 1
    assert (await alice.ask(START, input={"attributes": {"region": "EMEA"}})).data
