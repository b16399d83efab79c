"""The demo's endpoint: what it says is read as any endpoint's answer, and it is in the demo only."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from api.app import create_app
from api.assistant import echo
from api.assistant.endpoint import ChatCompletions, Report
from api.settings import Settings

SAID = [("system", "Be brief."), ("user", "What is\na swallow? 🙂")]


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """Its address."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=echo.routes()), log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{echo.BASE}"
        server.should_exit = True
        await serving


async def test_what_it_says_is_an_answer_in_small_pieces() -> None:
    async with listening() as url:
        completions, report = ChatCompletions(url, "none", 1_000_000), Report("m")
        messages = [{"role": role, "content": said} for role, said in SAID]
        pieces = [piece async for piece in completions.answer(messages, report)]
        await completions.aclose()
    assert "".join(pieces) == echo.answer(SAID)
    assert "no model behind it" in "".join(pieces)
    assert "> What is\n> a swallow? 🙂\n" in "".join(pieces)
    assert "the 1 message before it" in "".join(pieces)
    assert max(map(len, pieces)) <= echo.BIT
    assert (report.model, report.finish_reason) == ("m", "stop")
    assert report.tokens_in
    assert report.tokens_out


async def test_what_is_no_question_is_refused() -> None:
    transport = httpx.ASGITransport(Starlette(routes=echo.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley.test") as client:
        for body in (b"", b"null", b"[]", b"{}", b'{"messages": [1]}', b'{"messages": [], "stream": true}'):
            answer = await client.post(f"{echo.BASE}/chat/completions", content=body)
            assert answer.status_code == 400, body


def test_it_is_in_the_demo_only() -> None:
    def paths(*, demo: bool) -> set[str]:
        return {getattr(route, "path", "") for route in create_app(Settings(demo=demo, log_level="error")).routes}

    assert paths(demo=True) - paths(demo=False) == {f"{echo.BASE}/chat/completions"}
