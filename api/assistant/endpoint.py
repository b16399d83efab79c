"""The endpoint that answers: OpenAI's chat completions, or whatever speaks like them, as a stream of texts.

Neither what is sent nor what comes back, nor the key, is in any error or log line.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from models.answer import AnswerFailure
from models.clock import now

Said = Mapping[str, str]
"""A message as the endpoint takes it: `role`, `content`."""
LONGEST_PAUSE: Final = 60.0
"""Seconds that an endpoint may have us wait before the next try; also those it may be silent for."""
AFTERWARDS: Final = 2.0
"""Seconds after the end of an answer in which it may tell what that took, whatever else it sends."""


@dataclass
class EndpointError(Exception):
    """`reason` is why; `again`: whether it is worth another try, after so many seconds if it says so."""

    reason: AnswerFailure
    again: bool = False
    after: float | None = None

    def __str__(self) -> str:
        return self.reason.value


@dataclass
class Report:
    """What is known of an answer, once it has come."""

    model: str
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    said: bool = field(default=False, repr=False)


class Endpoint(Protocol):
    """Answers."""

    def answer(self, messages: Sequence[Said], report: Report) -> AsyncGenerator[str, None]:
        """The answer, text by text, of any size. `report` is filled in. Raises `EndpointError`."""
        ...


class ChatCompletions:
    """An endpoint by its address. `limit`: bytes of a response at most, whatever they say."""

    def __init__(self, base_url: str, key: str, limit: int) -> None:
        import openai  # half a second, and only where somebody answers

        from api.assistant.bounds import bounded_client

        logging.getLogger("openai").setLevel(logging.WARNING)  # at `OPENAI_LOG=debug` it logs what people wrote
        self._openai = openai
        self._http = bounded_client(limit, LONGEST_PAUSE)
        self._client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=self._http)

    async def answer(self, messages: Sequence[Said], report: Report) -> AsyncGenerator[str, None]:
        """See `Endpoint`."""
        async with aclosing(self._texts(messages, report)) as texts:
            async for text in texts:
                report.said = True
                yield text
        if report.finish_reason is None:
            raise EndpointError(AnswerFailure.INTERRUPTED if report.said else AnswerFailure.MALFORMED)
        if not report.said:
            filtered = report.finish_reason == "content_filter"
            raise EndpointError(AnswerFailure.REFUSED if filtered else AnswerFailure.MALFORMED)

    async def _texts(self, messages: Sequence[Said], report: Report) -> AsyncGenerator[str, None]:
        try:
            async with aclosing(self._chunks(messages, report)) as chunks:
                async for chunk in chunks:
                    if text := _taken(chunk, report):
                        yield text
        except EndpointError:
            raise
        except self._openai.APIStatusError as error:
            raise _of_status(error.status_code, error.response.headers) from None
        except (self._openai.OpenAIError, self._http_error) as error:
            if report.finish_reason is None:  # else what follows the answer is no matter
                raise _cut(report, error) from None
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            if report.finish_reason is None:
                raise EndpointError(AnswerFailure.MALFORMED) from None

    async def _chunks(self, messages: Sequence[Said], report: Report) -> AsyncGenerator[Any, None]:
        sent: Any = list(messages)
        usage: Any = {"include_usage": True}
        stream = await self._client.chat.completions.create(
            model=report.model, messages=sent, stream=True, stream_options=usage
        )
        async with stream:
            kind = stream.response.headers.get("content-type", "")
            if kind.partition(";")[0].strip().lower() != "text/event-stream":
                raise EndpointError(AnswerFailure.MALFORMED)
            chunks, whole_by, counted = aiter(stream), None, False
            while report.finish_reason is None or not counted:  # some count with each word
                if report.finish_reason is not None and whole_by is None:
                    whole_by = asyncio.get_running_loop().time() + AFTERWARDS
                try:
                    async with asyncio.timeout_at(whole_by):
                        chunk = await anext(chunks, None)
                except TimeoutError:  # it is whole; what it took isn't told
                    return
                if chunk is None:
                    return
                counted = _counted(chunk)
                yield chunk

    @property
    def _http_error(self) -> type[Exception]:
        import httpx2

        return httpx2.HTTPError

    async def aclose(self) -> None:
        """Give every connection back."""
        await self._client.close()


def _taken(chunk: Any, report: Report) -> str | None:
    """What of the answer is in it. The library doesn't check what it reads: anything may be anything."""
    if isinstance(chunk.model, str) and chunk.model:
        report.model = _name(chunk.model, 200)
    if _counted(chunk):
        report.tokens_in = _count(chunk.usage.prompt_tokens)
        report.tokens_out = _count(chunk.usage.completion_tokens)
    if not chunk.choices or report.finish_reason is not None:  # what follows the end is no part of it
        return None
    choice = chunk.choices[0]
    if choice.finish_reason is not None:
        report.finish_reason = _name(str(choice.finish_reason), 100)
    text = choice.delta.content if choice.delta is not None else None
    if text is not None and not isinstance(text, str):
        raise TypeError
    return text


def _name(text: str, most: int) -> str:
    """That much of it, as it can be stored: JSON may hold halves of surrogate pairs."""
    return text[:most].encode(errors="replace").decode()


def _counted(chunk: Any) -> bool:
    """Whether it tells what the answer took, which it does last."""
    return getattr(chunk, "usage", None) is not None


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if whole else None


def _of_status(status: int, headers: Mapping[str, str]) -> EndpointError:
    if status == 429 or status >= 500 or status in {408, 409, 425}:
        return EndpointError(AnswerFailure.UNAVAILABLE, again=True, after=_pause(headers.get("retry-after")))
    return EndpointError(AnswerFailure.REFUSED)


def _cut(report: Report, error: Exception) -> EndpointError:
    """The connection has ended, or never began; the endpoint may also say in the stream that it can't go on."""
    if getattr(error, "unbounded", False) or getattr(error.__cause__, "unbounded", False):
        return EndpointError(AnswerFailure.MALFORMED)
    if report.said:
        return EndpointError(AnswerFailure.INTERRUPTED)
    return EndpointError(AnswerFailure.UNAVAILABLE, again=True)


def _pause(text: str | None) -> float | None:
    """Seconds, from `Retry-After`: a number or a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_PAUSE) if seconds == seconds else None
