"""What strangers, other sites and clumsy clients send."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from api import lingering
from api.attachments.multipart import HEADER_BYTES
from api.attachments.uploads import ENVELOPE, OF_ONE
from api.security_headers import SANDBOX
from models.attachments.chunks import CHUNK
from models.attachments.store import AttachmentLimits
from resolvers.ids import encode
from tests.api.attachments.conftest import BOUNDARY, PNG, Sender, chunks, files, form, sender, streamed
from tests.served import Served

PAGE = b"<!doctype html><script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GIF_AND_SCRIPT = b"GIF89a=0;alert(1);//" + bytes(60)
PDF_AND_PAGE = b"%PDF-1.7\n" + PAGE
DANGEROUS = {"page.html": PAGE, "page.png": PAGE, "drawing.svg": SVG, "drawing.jpg": SVG, "x.js": b"alert(1)"}


@pytest.fixture
def curt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a refusal is not even thrown away."""
    monkeypatch.setattr(lingering, "MOST_BYTES", -1)


async def test_markup_is_text_to_be_downloaded_whatever_its_name(alice: Sender) -> None:
    for name, data in DANGEROUS.items():
        got = await alice.get((await alice.attached(data, name))["attachments"][0]["id"])
        assert got.headers["content-type"] == "text/plain; charset=utf-8", name
        assert got.headers["content-disposition"].startswith("attachment;"), name
        assert_nothing_runs(got.headers)


async def test_files_of_two_kinds_are_the_kind_they_begin_with(alice: Sender) -> None:
    for data, media_type, shown in (
        (GIF_AND_SCRIPT, "image/gif", "inline;"),
        (PDF_AND_PAGE, "application/pdf", "attachment;"),
    ):
        id_ = (await alice.attached(data, "two.html"))["attachments"][0]["id"]
        for method in ("GET", "HEAD"):
            got = await alice.get(id_, method)
            assert got.headers["content-type"] == media_type
            assert got.headers["content-disposition"].startswith(shown)
            assert_nothing_runs(got.headers)


def assert_nothing_runs(headers: Any) -> None:
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == SANDBOX
    assert headers["cache-control"] == "private, no-cache"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


async def test_what_is_of_no_known_type_is_refused(served: Served, alice: Sender) -> None:
    for data in (b"\x7fELF" + bytes(99), b"MZ" + bytes(99), b"\x00", "ü".encode("latin-1")):
        answer = await alice.upload(data, "a.png")
        assert (answer.status_code, await files(served), await chunks(served)) == (415, [], 0)


async def test_text_that_turns_out_not_to_be_any_leaves_nothing(served: Served, alice: Sender) -> None:
    answer = await alice.upload(b"a" * (2 * CHUNK) + b"\x00", "a.txt")
    assert (answer.status_code, await files(served), await chunks(served)) == (415, [], 0)


FORBID = """mutation { putPolicy(input: {name: "readers", effect: DENY, actions: ["message:append"]}) {
  policy { name } } }"""
NAMES = {
    "../../../etc/passwd": "passwd",
    "..\\..\\x.png": "x.png",
    'a"; filename="b.exe': "a%22; filename=%22b.exe",
    "a\r\nSet-Cookie: s=1.png": "a%0D%0ASet-Cookie_ s=1.png",
    "photo\u202egnp.exe": "photognp.exe",
    "": "file",
    "\udcff\udcfe.png": "\ufffd\ufffd.png",
}


async def test_names_neither_leave_the_folder_nor_the_header(alice: Sender) -> None:
    for name, wanted in NAMES.items():
        file = (await alice.attached(PNG, name))["attachments"][0]
        assert file["name"] == wanted
        got = await alice.get(file["id"])
        said = got.headers["content-disposition"]
        assert (said.count('"'), said.count("filename*=UTF-8''"), said.isascii()) == (2, 1, True)
        assert "set-cookie" not in got.headers


async def test_no_cookie_and_no_form_of_another_site_uploads(served: Served, alice: Sender) -> None:
    refresh = {"cookie": f"__Host-parley_refresh={alice.caller.token}; parley_refresh={alice.caller.token}"}
    nobody = replace(alice, caller=served.nobody)
    for headers in (refresh, {**refresh, "origin": "https://evil.example"}, {**refresh, "authorization": "Basic YTpi"}):
        answer = await nobody.upload(PNG, "a.png", **headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
        assert (await nobody.get(encode("Attachment", "6" * 24), **headers)).status_code == 401
    assert await files(served) == []
    preflight = await served.http.options(
        "/attachments", headers={"origin": "https://evil.example", "access-control-request-headers": "authorization"}
    )
    assert preflight.status_code == 204
    assert not any(name.startswith("access-control") for name in preflight.headers)


@pytest.mark.usefixtures("curt")
async def test_a_stranger_is_refused_before_his_body_is_read(served: Served) -> None:
    read = 0

    async def body() -> Any:
        nonlocal read
        while True:
            read += 1
            yield b"x"

    async with asyncio.timeout(5):
        assert (await Sender(served.nobody).post(body())).status_code == 401
    assert read <= 1


async def test_who_may_write_nowhere_may_not_upload(served: Served) -> None:
    guest = Sender(await served.as_("guest"))
    assert (await guest.upload()).status_code == 201
    (await (await served.as_("root")).ask(FORBID)).data  # noqa: B018
    assert (await guest.upload()).status_code == 403


async def test_others_files_can_be_neither_attached_nor_read(served: Served, alice: Sender) -> None:
    waiting, attached = await alice.uploaded(), (await alice.attached())["attachments"][0]["id"]
    bob = await sender(served, "bob")
    guessed = encode("Attachment", "f" * 24)
    assert [(await bob.append(each)).codes for each in (waiting, attached, guessed)] == [["NOT_FOUND"]] * 3
    answers = [await bob.get(each) for each in (waiting, attached, guessed, "x", encode("User", "f" * 24))]
    assert {(each.status_code, each.text) for each in answers} == {(404, answers[0].text)}
    assert (await alice.get(waiting)).status_code == 404  # it is in no message that she could read
    assert (await alice.append(waiting)).data


async def test_ids_that_are_none_are_refused(alice: Sender) -> None:
    for ids in (["x"], [encode("User", "f" * 24)], [encode("Attachment", "f" * 24)] * 2):
        assert (await alice.append(*ids)).codes == ["BAD_USER_INPUT"]


async def test_a_message_has_so_many_files_and_no_more(alice: Sender) -> None:
    ids = [encode("Attachment", f"{number:024x}") for number in range(11)]
    assert (await alice.append(*ids)).codes == ["BAD_USER_INPUT"]


async def test_of_many_that_attach_one_file_at_once_one_does(served: Served, alice: Sender) -> None:
    id_ = await alice.uploaded()
    answers = await asyncio.gather(*(alice.append(id_, content=str(number)) for number in range(6)))
    assert sorted(len(each.codes) for each in answers) == [0, 1, 1, 1, 1, 1]
    (file,) = await files(served)
    assert (file["state"], (await alice.get(id_)).status_code) == ("attached", 200)


async def test_a_key_at_another_place_does_not_share_the_file(alice: Sender) -> None:
    first, second = await alice.attached(), await alice.attached()
    id_ = await alice.uploaded()
    assert (await alice.append(id_, parentId=first["id"], idempotencyKey="k")).data
    assert (await alice.append(id_, parentId=second["id"], idempotencyKey="k")).codes == ["NOT_FOUND"]


BROKEN = {
    "nothing": b"",
    "no part": f"--{BOUNDARY}--\r\n".encode(),
    "another boundary": form(PNG, boundary="other"),
    "another field": form(PNG, field="other"),
    "cut in the file": form(PNG)[:-100],
    "cut in the boundary": form(PNG)[:-10],
    "cut in the headers": form(PNG)[:60],
    "two files": form(PNG)[: -len(BOUNDARY) - 6] + form(PNG),
    "a long header": form(PNG, "a" * (HEADER_BYTES + 1)),
    "JSON": b"{}",
    "encoded": form(PNG).replace(b"Content-Type: text/html", b"Content-Transfer-Encoding: base64"),
    "a header twice": form(PNG).replace(b"Content-Type: text/html", b'Content-Disposition: form-data; name="file"'),
    "an empty file": form(b""),
}


async def test_broken_bodies_leave_nothing(served: Served, alice: Sender) -> None:
    for name, body in BROKEN.items():
        for step in (len(body) or 1, 61):
            answer = await alice.post(streamed(*(body[at : at + step] for at in range(0, len(body), step))))
            assert (name, answer.status_code, answer.headers.get("connection")) == (name, 400, "close"), answer.text
    assert (await files(served), await chunks(served)) == ([], 0)


KINDS = (
    "multipart/form-data",
    "multipart/form-data; boundary=",
    f"multipart/form-data; boundary={'a' * 71}",
    f"multipart/mixed; boundary={BOUNDARY}",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
)
LENGTHS = {"9" * 30: 413, "-1": 400, "1e3": 400, "100": 413}


async def test_other_kinds_of_bodies_and_lengths_that_lie_are_refused(served: Served, alice: Sender) -> None:
    for kind in KINDS:
        assert (kind, (await alice.upload(content_type=kind)).status_code) == (kind, 400)
    for length, status in LENGTHS.items():
        assert (length, (await alice.upload(content_length=length)).status_code) == (length, status)
    assert await files(served) == []


@pytest.mark.usefixtures("curt")
async def test_files_over_the_limit_are_cut_off(served: Served, alice: Sender) -> None:
    limit(served, file_bytes=2 * CHUNK)
    sent = 0

    async def body() -> Any:
        nonlocal sent
        yield form(b"%PDF-")[: form(b"%PDF-").index(b"%PDF-") + 5]
        while True:
            sent += 1
            yield bytes(10_000)

    assert (await alice.post(body())).status_code == 413
    assert sent < (2 * CHUNK + ENVELOPE) / 10_000 + 2
    assert (await files(served), await chunks(served)) == ([], 0)
    assert (await alice.upload(PNG + bytes(2 * CHUNK - len(PNG)))).status_code == 201


async def test_who_has_too_much_waiting_must_attach_first(served: Served, alice: Sender) -> None:
    limit(served, quota_bytes=3 * CHUNK)
    answers = await asyncio.gather(*(alice.upload() for _ in range(8)))
    assert {each.status_code for each in answers} <= {201, 429}
    ids = [each.json()["id"] for each in answers if each.status_code == 201]
    ids += [each.json()["id"] for _ in range(4) if (each := await alice.upload()).status_code == 201]
    assert len(ids) == 3
    assert (await alice.upload()).status_code == 429
    assert (await (await sender(served, "bob")).upload()).status_code == 201
    await alice.append(ids[0])
    assert (await alice.upload()).status_code == 201


async def test_a_few_slow_uploads_of_one_user_keep_nobody_out(served: Served, alice: Sender) -> None:
    begun, go = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> Any:
        yield form(PNG)[:100]
        begun.release()
        await go.wait()
        yield form(PNG)[100:]

    limit(served, file_bytes=CHUNK)
    async with asyncio.TaskGroup() as tasks:
        uploads = [tasks.create_task(alice.post(slow())) for _ in range(OF_ONE)]
        for _ in uploads:
            await begun.acquire()
        assert (await alice.upload()).status_code == 429
        assert (await (await sender(served, "bob")).upload()).status_code == 201
        go.set()
    assert {each.result().status_code for each in uploads} == {201}
    assert (await alice.upload()).status_code == 201


async def test_who_is_shut_out_meanwhile_has_uploaded_nothing(served: Served, alice: Sender) -> None:
    async def body() -> Any:
        yield form(PNG)[:100]
        assert (await alice.caller.ask("mutation { logout { ended } }")).data
        yield form(PNG)[100:]

    assert (await alice.post(body())).status_code == 401
    assert (await files(served), await chunks(served)) == ([], 0)


async def test_settings_say_which_types_are_taken(served: Served, alice: Sender) -> None:
    limit(served, types={"image/*"})
    assert [(await alice.upload(data)).status_code for data in (PNG, b"text")] == [201, 415]


def limit(served: Served, **limits: Any) -> None:
    """Other limits than the settings'."""
    object.__setattr__(served.services.attachments, "limits", replace(AttachmentLimits(), **limits))
