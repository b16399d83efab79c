"""The demo's endpoint: OpenAI's chat completions without a model. It says that, and what it was sent, bit by bit."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from api.assistant import echo_address
from api.assistant.prompt import tokens

BASE: Final = echo_address.BASE
MODEL: Final = echo_address.MODEL
SHOWN: Final = 600
"""Characters of what was said that are repeated."""
BIT: Final = 6
PAUSE_SECONDS: Final = 0.02


async def completions(request: Request) -> Response:
    """`POST /demo/v1/chat/completions`, with `stream`."""
    try:
        body = orjson.loads(await request.body())
        messages = [(str(each["role"]), str(each["content"])) for each in body["messages"]]
        streams, model = body.get("stream") is True, str(body.get("model", MODEL))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _refused("`messages` must be objects with `role` and `content`")
    if not messages or not streams:
        return _refused("the demo's endpoint answers with `stream` only, and needs a message")
    return StreamingResponse(_events(messages, model), media_type="text/event-stream")


def answer(messages: list[tuple[str, str]]) -> str:
    """What it says to these."""
    said = messages[-1][1]
    shown = said if len(said) <= SHOWN else f"{said[:SHOWN]} …"
    before = len(messages) - 1
    sent = f"I was also sent the {before} message{'' if before == 1 else 's'} before it, as a model would have been. "
    quoted = "\n".join(f"> {line}" for line in shown.splitlines() or [""])
    return (
        "This is the demo's echo: there is no model behind it. "
        f"You said:\n\n{quoted}\n\n"
        f"{sent if before else ''}"
        "Set `PARLEY_ASSISTANT_BASE_URL` to an endpoint that speaks OpenAI's chat completions for a real answer.\n"
    )


async def _events(messages: list[tuple[str, str]], model: str) -> AsyncIterator[bytes]:
    text = answer(messages)
    usage = {"prompt_tokens": sum(tokens(said) for _, said in messages), "completion_tokens": tokens(text)}
    head = {"id": f"echo-{time.time_ns()}", "object": "chat.completion.chunk", "created": int(time.time())}

    def event(choices: list[Any], **more: Any) -> bytes:
        return b"data: " + orjson.dumps({**head, "model": model, "choices": choices, **more}) + b"\n\n"

    for start in range(0, len(text), BIT):
        delta = {"role": "assistant", "content": text[start : start + BIT]}
        yield event([{"index": 0, "delta": delta, "finish_reason": None}])
        await asyncio.sleep(PAUSE_SECONDS)
    yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield event([], usage={**usage, "total_tokens": sum(usage.values())})
    yield b"data: [DONE]\n\n"


def _refused(message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, 400)


def routes() -> list[Route]:
    """Of the demo."""
    return [Route(f"{BASE}/chat/completions", completions, methods=["POST"])]
