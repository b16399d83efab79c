"""Endpoints that misbehave: what becomes of an answer then, and that nothing of it is told to anybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from api.assistant import endpoint
from api.assistant.endpoint import ChatCompletions, EndpointError, Report, _pause
from tests.api.assistant.conftest import KEY, World
from tests.api.assistant.stub import DONE, HEAD, USAGE, Behaviour, Held, Stub, chunk, event, raw, says, status, stub

CUT = HEAD.replace(b"Connection: close", b"Content-Length: 100000")
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
PACKED = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
FINE = chunk(finish="stop")
LIMIT = 4 * 1024 * 1024

WHOLE: dict[str, tuple[Behaviour, str]] = {
    "huge pieces": (says("ä" * 200_000, "x" * 200_000), "ä" * 200_000 + "x" * 200_000),
    "no usage, no end": (raw(HEAD, chunk("a"), FINE), "a"),
    "nonsense after the end": (raw(HEAD, chunk("a"), FINE, b"data: {nonsense\n\n"), "a"),
    "cut off after the end": (raw(CUT, chunk("a"), FINE), "a"),
    "odd figures": (raw(HEAD, chunk("a"), FINE, chunk(choices=[], usage={"prompt_tokens": "x"})), "a"),
    "other events": (raw(HEAD, b": hello\n\n", b"event: ping\ndata: {}\n\n", chunk("a"), FINE), "a"),
    "figures all along": (
        raw(HEAD, chunk("a", usage={"prompt_tokens": 1}), chunk("b", usage={"prompt_tokens": 1}), FINE, USAGE),
        "ab",
    ),
    "words after the end": (raw(HEAD, chunk("a"), FINE, chunk("b"), DONE, chunk("c")), "a"),
    "a model of no name": (raw(HEAD, event({"model": None, "choices": [{"delta": {"content": "a"}}]}), FINE), "a"),
    "CR LF": (raw(HEAD, chunk("a").replace(b"\n", b"\r\n"), FINE), "a"),
}
AGAIN: dict[str, Behaviour] = {
    "busy": status(429, "Retry-After: 7"),
    "broken": status(500),
    "hangs up": raw(),
    "no HTTP": raw(b"\x00\x01\r\n\r\n"),
    "cut off before a word": raw(CUT),
    "an error before a word": raw(HEAD, event({"error": {"message": "a secret"}})),
}
BROKEN: dict[str, tuple[Behaviour, str, str]] = {
    "a wrong key": (status(401), "refused", ""),
    "a bad request": (status(400, body=b"not JSON"), "refused", ""),
    "it sends us elsewhere": (status(302, "Location: http://127.0.0.1:1/"), "refused", ""),
    "filtered": (raw(HEAD, chunk(finish="content_filter")), "refused", ""),
    "cut off in the middle": (raw(CUT, chunk("half")), "interrupted", "half"),
    "ended in the middle": (raw(HEAD, chunk("half")), "interrupted", "half"),
    "an error in the middle": (raw(HEAD, chunk("half"), event({"error": {"message": "s"}})), "interrupted", "half"),
    "no JSON": (raw(HEAD, b"data: {nonsense\n\n"), "malformed", ""),
    "no JSON in the middle": (raw(HEAD, chunk("half"), b"data: {nonsense\n\n"), "malformed", "half"),
    "no UTF-8": (raw(HEAD, b"data: \xff\xfe\n\n"), "malformed", ""),
    "other JSON": (raw(HEAD, event([1])), "malformed", ""),
    "a text that is none": (raw(HEAD, event({"choices": [{"delta": {"content": {"a": 1}}}]})), "malformed", ""),
    "deep JSON": (raw(HEAD, b"data: " + b"[" * 100_000 + b"\n\n"), "malformed", ""),
    "a web page": (raw(HTML, b"<html>"), "malformed", ""),
    "nothing": (raw(HEAD, DONE), "malformed", ""),
    "an end without a word": (raw(HEAD, FINE, USAGE, DONE), "malformed", ""),
    "packed": (raw(PACKED, b"\x1f\x8b"), "malformed", ""),
    "a line without an end": (raw(HEAD, b"data: ", *[b"x" * 65_536] * 40), "malformed", ""),
    "comments without an end": (raw(HEAD, *[b": " + b"x" * 65_536 + b"\n"] * 200), "malformed", ""),
}


@dataclass
class Line:
    """To the endpoint."""

    stub: Stub
    completions: ChatCompletions

    async def hear(self, does: Behaviour) -> tuple[str, EndpointError | None]:
        """What it says, until what is wrong with it."""
        self.stub.will(does)
        said = ""
        try:
            async for text in self.completions.answer([{"role": "user", "content": "?"}], Report("m")):
                said += text
        except EndpointError as error:
            return said, error
        return said, None


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with stub() as there:
        completions = ChatCompletions(there.url, KEY, LIMIT)
        yield Line(there, completions)
        await completions.aclose()


async def test_what_is_whole_is_taken(line: Line) -> None:
    for name, (does, said) in WHOLE.items():
        assert await line.hear(does) == (said, None), name


async def test_one_that_stays_on_the_line_after_its_answer_is_not_waited_for(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "AFTERWARDS", 0.05)
    held = Held(HEAD + chunk("a") + FINE)
    async with asyncio.timeout(30):
        assert await line.hear(held) == ("a", None)
        await held.gone.wait()


async def test_one_that_goes_on_after_its_answer_is_not_listened_to(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "AFTERWARDS", 0.1)
    gone = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk("a") + FINE)
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(chunk("b"))
                await writer.drain()
                await asyncio.sleep(0.02)
        gone.set()

    async with asyncio.timeout(10):
        assert await line.hear(drip) == ("a", None)
        await gone.wait()


async def test_names_that_cannot_be_stored_do_not_spoil_an_answer(world: World) -> None:
    chat = await world.chat(answers=True)
    odd = b'data: {"model": "m\\ud800", "choices": [{"delta": {"content": "a"}, "finish_reason": "\\udfff"}]}\n\n'
    world.stub.will(raw(HEAD, odd, DONE))
    answer = await chat.settled(await chat.say("Hello?"))
    assert (answer["state"], answer["message"]["content"]) == ("DONE", "a")
    assert answer["message"]["metadata"]["llmModel"] == "m?"


async def test_what_may_go_well_another_time_is_told_from_what_will_not(line: Line) -> None:
    for name, does in AGAIN.items():
        said, error = await line.hear(does)
        assert error, name
        assert (said, error.reason, error.again) == ("", "unavailable", True), name
        assert error.after == (7.0 if name == "busy" else None), name
    for name, (does, reason, part) in BROKEN.items():
        said, error = await line.hear(does)
        assert error, name
        assert (said, error.reason, error.again) == (part, reason, False), name
        assert "secret" not in f"{error!r}{error.__cause__}{error.__context__ if error.__context__ is None else ''}"


async def test_nobody_who_listens_is_an_endpoint_that_is_away() -> None:
    completions = ChatCompletions("http://127.0.0.1:1/v1", KEY, LIMIT)
    with pytest.raises(EndpointError) as raised:
        await anext(completions.answer([], Report("m")))
    assert raised.value.again
    await completions.aclose()


async def test_it_is_tried_again_until_it_goes_well_or_has_failed_too_often(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    chat = await world.chat(answers=True)
    world.stub.will(status(429, "Retry-After: 0"), raw(), says("fine"))
    answer = await chat.settled(await chat.say("what nobody may read"))
    assert (answer["state"], answer["tries"], answer["message"]["content"]) == ("DONE", 3, "fine")
    world.stub.will(*[status(500)] * 5)
    answer = await chat.settled(await chat.say("what nobody may read"))
    assert (answer["state"], answer["reason"], answer["tries"]) == ("FAILED", "UNAVAILABLE", 5)
    assert answer["message"] is None
    assert len(world.stub.asked) == 8
    told = capfd.readouterr()
    assert not [word for word in (KEY, "secret", "nobody may read") if word in told.out + told.err]


async def test_what_was_begun_stays_and_is_not_tried_again(world: World) -> None:
    chat = await world.chat(answers=True)
    world.stub.will(raw(CUT, chunk("half ")))
    asked = await chat.say("Hello?")
    answer = await chat.settled(asked)
    assert (answer["state"], answer["reason"]) == ("FAILED", "INTERRUPTED")
    assert (answer["message"]["content"], answer["message"]["status"]) == ("half ", "INTERRUPTED")
    await chat.request(asked, again=True)
    again = await chat.settled(asked)
    assert (again["state"], again["message"]["content"]) == ("DONE", "fine")
    assert again["message"]["siblingCount"] == 2


async def test_an_answer_without_an_end_is_cut_off(world: World) -> None:
    chat = await world.chat(answers=True)
    world.stub.will(raw(HEAD, *[chunk("x" * 30_000)] * 100))
    answer = await chat.settled(await chat.say("Hello?"))
    assert (answer["state"], answer["reason"]) == ("FAILED", "TOO_LONG")
    assert len(answer["message"]["content"]) == 64 * 1024


async def test_one_that_says_nothing_is_left_in_time(world: World) -> None:
    chat = await world.chat(answers=True)
    for first, content in ((b"", None), (HEAD + chunk("half"), "half")):
        asked = await chat.say("Hello?")
        held = Held(first)
        world.stub.will(held)
        await world.another(seconds=0.5).idle()
        answer = await chat.answer(asked)
        assert (answer["state"], answer["reason"]) == ("FAILED", "TOO_SLOW")
        assert (answer["message"] and answer["message"]["content"]) == content
        await held.gone.wait()  # it isn't listened to any more


def test_how_long_it_wants_us_to_wait() -> None:
    known = {None: None, "3": 3.0, "0.5": 0.5, "-1": 0.0, "1e9": 60.0, "nan": None, "inf": 60.0, "soon": None}
    assert {text: _pause(text) for text in known} == known
    assert _pause("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert _pause("Wed, 21 Oct 2099 07:28:00 GMT") == 60.0
