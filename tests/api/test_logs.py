"""What the log says, and what it must never say."""

import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from graphql import GraphQLError, located_error
from starlette.responses import JSONResponse
from starlette.types import Message

from api.errors import publish
from api.logs import Repeated, configure_logs
from api.requests import BodyLimit, RequestLog
from api.settings import Settings
from tests.api.test_socket_expiry import listening
from tests.fuzz.exchange import Sent
from tests.fuzz.test_bytes import port_of
from tests.served import Served


def test_an_unexpected_error_is_logged_by_type_and_place_only(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json", log_level="info"))
    secret = "correct horse battery staple"
    with pytest.raises(ValueError, match=secret) as raised:
        int(secret)
    error = located_error(raised.value)
    assert isinstance(error, GraphQLError)
    publish(error)
    assert secret not in error.message
    line = capsys.readouterr().err
    assert secret not in line
    logged = json.loads(line)
    assert logged["event"] == "unexpected error"
    assert logged["exception"][-1] == "builtins.ValueError"
    assert "test_logs.py" in logged["exception"][0]


def test_a_warning_that_clients_cause_is_one_line_a_minute_with_a_count() -> None:
    now = 0.0
    repeated = Repeated(60, lambda: now)

    def said(text: str, level: int = logging.WARNING) -> str | None:
        record = logging.LogRecord("uvicorn.error", level, __file__, 1, text, (), None)
        return record.getMessage() if repeated.filter(record) else None

    assert [said("bad request") for _ in range(3)] == ["bad request", None, None]
    assert said("another") == "another"
    assert [said("bad request", logging.ERROR) for _ in range(2)] == ["bad request"] * 2
    now = 59.9
    assert said("bad request") is None
    now = 60
    assert said("bad request") == "bad request (and 3 more since the last such line)"
    now = 120
    assert said("bad request") == "bad request"


@pytest.mark.parametrize("form", ["console", "json"])
async def test_a_path_commands_no_terminal(served: Served, capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure_logs(Settings.model_validate({"log_format": form, "log_level": "info"}))
    await served.http.get("/%1b%5d0;owned%07%c2%9b2J%0a%e2%80%ae")
    line = capsys.readouterr().err
    assert "owned" in line
    assert line.rstrip("\n").isprintable()


async def test_requests_that_are_none_fill_no_log(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json", log_level="info"))
    repeated = next(each for each in logging.getLogger("uvicorn.error").filters if isinstance(each, Repeated))
    repeated._told.clear()
    async with listening(served) as address:
        port = port_of(address)
        for _ in range(5):
            assert (await port.http(Sent((b"\x00\r\n\r\n",)))).kind == "400"
    assert capsys.readouterr().err.count("Invalid HTTP request received") == 1


async def test_each_request_has_an_id_in_its_answer_and_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json", log_level="info"))
    app = RequestLog(JSONResponse({}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        given = await client.get("/a?token=hidden", headers={"X-Request-ID": "abc-1", "Authorization": "Bearer hidden"})
        made = await client.get("/b", headers={"X-Request-ID": "bad id\x1b[31m"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["request_id"] for line in lines] == [given.headers["x-request-id"], made.headers["x-request-id"]]
    assert lines[0]["request_id"] == "abc-1"
    assert len(lines[1]["request_id"]) == 16
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/a", 200),
        ("GET", "/b", 200),
    ]
    assert "hidden" not in json.dumps(lines)


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not() -> None:
    app = BodyLimit(JSONResponse({}), limit=100)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 10

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.post("/", content=b"x" * 100)).status_code == 200
        for body in (b"x" * 101, stream()):
            refused = await client.post("/", content=body)
            assert refused.status_code == 413
            assert refused.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(("sent", "heard"), [(101, 101), (400, 400), (10_000, 410)])
async def test_what_is_too_long_is_heard_out_up_to_a_bound_so_that_its_client_reads_why(sent: int, heard: int) -> None:
    app, left, told = BodyLimit(JSONResponse({}), limit=100), sent, list[Message]()

    async def receive() -> Message:
        nonlocal left
        size = min(10, left)
        left -= size
        return {"type": "http.request", "body": b"x" * size, "more_body": left > 0}

    async def send(message: Message) -> None:
        told.append(message)

    await app({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
    assert (told[0]["status"], sent - left) == (413, heard)
