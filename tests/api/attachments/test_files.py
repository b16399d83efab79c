"""A file goes in, belongs to a message, and comes out as it went in."""

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import unquote

from api.collecting import collect
from models.attachments.chunks import CHUNK
from models.attachments.files import FileState
from models.clock import now
from permissions.administration import Administration
from permissions.audit.events import Origin
from permissions.changes import Changer
from permissions.erasure import Eraser
from tests.api.attachments.conftest import EDIT, PNG, Sender, chunks, files, form, sender, states, streamed
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import start
from tests.served import Served

PAGE = "query ($id: ID!) { conversation(id: $id) { messages { edges { node { id attachments { name url } } } } } }"
DELETE = "mutation ($id: ID!, $mode: DeleteMode) { deleteMessage(input: {messageId: $id, mode: $mode}) { messageId } }"
RESTORE = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { attachments { id } } } }"
FORBID = """mutation { putPolicy(input: {name: "closed", effect: DENY, actions: ["message:read"]}) {
  policy { name } } }"""
CLOSE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"


async def test_a_file_comes_out_as_it_went_in(alice: Sender) -> None:
    data = b"%PDF-1.7\n" + secrets.token_bytes(2 * CHUNK + 17)
    id_ = await alice.uploaded(data, "Grüße.pdf")
    message = (await alice.append(id_)).data["appendMessage"]["message"]
    assert message["attachments"] == [
        {
            "id": id_,
            "name": "Grüße.pdf",
            "mediaType": "application/pdf",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "url": f"/attachments/{id_}",
        }
    ]
    got = await alice.get(id_)
    assert (got.status_code, got.content) == (200, data)
    assert got.headers["content-length"] == str(len(data))
    assert got.headers["content-type"] == "application/pdf"
    assert unquote(got.headers["content-disposition"]).endswith("filename*=UTF-8''Grüße.pdf")


async def test_parts_of_it_come_out(alice: Sender) -> None:
    data = b"%PDF-1.7\n" + secrets.token_bytes(2 * CHUNK)
    id_ = (await alice.attached(data))["attachments"][0]["id"]
    for start_, stop in ((0, 1), (CHUNK - 1, CHUNK + 1), (CHUNK, 2 * CHUNK), (5, len(data))):
        got = await alice.get(id_, range=f"bytes={start_}-{stop - 1}")
        assert (got.status_code, got.content) == (206, data[start_:stop])
        assert got.headers["content-range"] == f"bytes {start_}-{stop - 1}/{len(data)}"
    beyond = await alice.get(id_, range=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    many = await alice.get(id_, range="bytes=" + ",".join("0-" for _ in range(500)))
    assert (many.status_code, len(many.content)) == (200, len(data))


async def test_conditions_and_head(alice: Sender) -> None:
    id_ = (await alice.attached())["attachments"][0]["id"]
    head = await alice.get(id_, "HEAD", range="bytes=0-1")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    tag = head.headers["etag"]
    assert (await alice.get(id_, if_none_match=tag)).status_code == 304
    assert (await alice.get(id_, if_none_match='"other"')).status_code == 200
    assert (await alice.get(id_, range="bytes=0-1", if_range=tag)).status_code == 206
    for other in ('"other"', f"W/{tag}", "Wed, 25 Nov 2026 16:00:00 GMT"):
        assert (await alice.get(id_, range="bytes=0-1", if_range=other)).status_code == 200


async def test_a_page_with_attachments_costs_no_further_call(alice: Sender) -> None:
    await alice.append()
    with database_calls(own=True) as without:
        await alice.caller.ask(PAGE, id=alice.chat)
    await alice.attached()
    with database_calls(own=True) as with_files:
        page = await alice.caller.ask(PAGE, id=alice.chat)
    assert [len(edge["node"]["attachments"]) for edge in page.data["conversation"]["messages"]["edges"]] == [0, 1]
    assert [collection for _, collection in with_files] == [collection for _, collection in without]


async def test_a_retry_gives_the_same_message_and_others_get_nothing(served: Served, alice: Sender) -> None:
    id_ = await alice.uploaded()
    first = await alice.append(id_, idempotencyKey="k")
    assert (await alice.append(id_, idempotencyKey="k")).data == first.data
    assert (await alice.append(id_, idempotencyKey="k", content="other")).codes == ["NOT_FOUND"]
    assert (await alice.append(id_)).codes == ["NOT_FOUND"]
    assert (await alice.append(idempotencyKey="k")).codes == ["CONFLICT"]
    assert await states(served) == [FileState.ATTACHED]


async def test_a_failed_append_leaves_the_file_to_be_attached(served: Served, alice: Sender) -> None:
    id_, message = await alice.uploaded(), await alice.attached()
    await alice.caller.ask(DELETE, id=message["id"], mode="SUBTREE")
    assert (await alice.append(id_, parentId=message["id"])).codes == ["NOT_FOUND"]
    assert (await alice.append(id_)).data


async def test_an_edit_has_files_of_its_own(alice: Sender) -> None:
    message = await alice.attached()
    new = await alice.uploaded()
    sent = {"messageId": message["id"], "content": "new", "attachmentIds": [new]}
    edited = (await alice.caller.ask(EDIT, input=sent)).data["editMessage"]["message"]
    assert edited["attachments"] == [{"id": new}]
    assert edited["editedFrom"]["attachments"] == [{"id": message["attachments"][0]["id"]}]


async def test_deleted_with_its_message_restored_with_it_and_gone_with_the_purge(served: Served, alice: Sender) -> None:
    kept, tombstone, subtree = [await alice.attached() for _ in range(3)]
    ids = [each["attachments"][0]["id"] for each in (kept, tombstone, subtree)]
    await alice.caller.ask(DELETE, id=tombstone["id"], mode="TOMBSTONE")
    await alice.caller.ask(DELETE, id=subtree["id"], mode="SUBTREE")
    assert [(await alice.get(id_)).status_code for id_ in ids] == [200, 404, 404]
    await alice.caller.ask(RESTORE, id=tombstone["id"])
    assert (await alice.get(ids[1])).status_code == 200
    await alice.caller.ask(DELETE, id=tombstone["id"], mode="TOMBSTONE")
    for _ in range(2):  # again, as after a crash
        await served.services.tree.purge(now() + timedelta(minutes=1))
    assert [(await alice.get(id_)).status_code for id_ in ids] == [200, 404, 404]
    assert (len(await files(served)), await chunks(served)) == (1, 1)
    await alice.caller.ask(CLOSE, id=alice.chat)
    assert (await alice.get(ids[0])).status_code == 404
    await served.services.tree.purge(now() + timedelta(minutes=1))
    assert (await files(served), await chunks(served)) == ([], 0)


async def test_files_go_with_what_an_erased_author_wrote(served: Served, alice: Sender) -> None:
    root = await sender(served, "root")
    root.chat = alice.chat
    message, own = await root.attached(), await alice.attached()
    assert served.people["root"].id
    conversation_id = (await files(served))[0]["conversation_id"]
    for _ in range(2):
        await served.services.tree.erase_author(conversation_id, served.people["root"].id)
    assert (await alice.get(message["attachments"][0]["id"])).status_code == 404
    assert (await alice.get(own["attachments"][0]["id"])).status_code == 200
    assert len(await files(served)) == 1


async def test_an_erased_account_leaves_no_file(served: Served, alice: Sender) -> None:
    bob = await sender(served, "bob")
    await bob.attached()
    await bob.uploaded()
    await alice.attached()
    services, by = served.services, Changer(None, Origin())
    office = Administration(services.changes, services.authentication.accounts.credentials, services.audit.write)
    await Eraser(services.database.db, services.tree, office, grace=timedelta(0)).erase(served.people["bob"].id, by)
    assert {each["owner_id"] for each in await files(served)} == {served.people["alice"].id}
    assert await chunks(served) == 1


async def test_what_no_message_has_is_collected(served: Served, alice: Sender) -> None:
    waiting, attached = await alice.uploaded(), await alice.attached()
    db = served.services.database.db
    collected = await collect(db, timedelta(hours=1))
    assert collected
    assert collected.orphans == 0
    collected = await collect(db, timedelta(seconds=-1))
    assert collected
    assert collected.orphans == 1
    assert (await alice.append(waiting)).codes == ["NOT_FOUND"]
    assert (await alice.get(attached["attachments"][0]["id"])).status_code == 200
    assert await chunks(served) == 1


async def test_a_body_may_come_in_any_pieces(alice: Sender) -> None:
    body = form(PNG)
    for step in (1, 3, 700):
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        answer = await alice.post(streamed(*pieces))
        assert answer.json()["sha256"] == hashlib.sha256(PNG).hexdigest()


async def test_words_after_the_end_of_a_body_mean_nothing(alice: Sender) -> None:
    for pieces in ([form(PNG) + form(PNG)], [form(PNG), form(PNG)]):
        answer = await alice.post(streamed(*pieces))
        assert answer.json()["size"] == len(PNG)


async def test_who_may_see_a_conversation_and_not_its_messages_gets_none_of_their_files(
    served: Served, alice: Sender
) -> None:
    message = await alice.attached()
    id_ = message["attachments"][0]["id"]
    (await (await served.as_("root")).ask(FORBID)).data  # noqa: B018
    assert (await alice.caller.ask("query ($id: ID!) { conversation(id: $id) { id } }", id=alice.chat)).data[
        "conversation"
    ]
    assert (await alice.get(id_)).status_code == 404


async def test_readers_get_the_files_of_what_is_shared_with_them_by_policy(served: Served, alice: Sender) -> None:
    alice.chat = await start(alice.caller, attributes={"region": "EMEA", "clearance_required": 1})
    id_ = (await alice.attached())["attachments"][0]["id"]
    sara, bob = await sender(served, "sara"), await sender(served, "bob")
    assert (await sara.get(id_)).content == PNG
    assert (await bob.get(id_)).status_code == 404
