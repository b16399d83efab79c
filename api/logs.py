"""Structured logs: one line an event, with the request's id, and without secrets or what people wrote."""

import json
import logging
import math
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from traceback import extract_tb
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo

from api.settings import Settings

_log: Final = structlog.get_logger("api.requests")


class RequestLines:
    """The line of each request, the most common by far: written as structlog would, which takes longer."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._second = -1
        self._began = ""
        """As it is written."""

    def configure(self, settings: Settings, stream: TextIO) -> None:
        """Where they are written, if they are, and if they are JSON; structlog writes them in any other form."""
        plain = settings.log_format == "json" and settings.log_level in ("debug", "info")
        self._stream = stream if plain else None

    def write(self, kind: str, method: str, path: str, status: int | None, ms: float, request_id: str) -> None:
        """Milliseconds, and no more of the path than so much."""
        stream = self._stream
        if stream is None:
            _log.info("request", kind=kind, method=method, path=path, status=status, ms=ms)
            return
        second, micros = divmod(time.time_ns() // 1_000, 1_000_000)
        if second != self._second:
            self._second, self._began = second, datetime.fromtimestamp(second, UTC).isoformat()[:-6]
        at = f"{self._began}.{micros:06}" if micros else self._began
        said = "null" if status is None else status
        stream.write(
            f'{{"kind": "{kind}", {_place(method, path)}, "status": {said}, "ms": {ms}, '
            f'"event": "request", "request_id": "{request_id}", "level": "info", "timestamp": "{at}Z"}}\n'
        )
        stream.flush()


@lru_cache(maxsize=256)
def _place(method: str, path: str) -> str:
    return f'"method": {json.dumps(method)}, "path": {json.dumps(path)}'


REQUESTS: Final = RequestLines()
"""Those of the process, as structlog's settings are."""


REQUEST: Final[ContextVar[str]] = ContextVar("request")
"""The id of the request that is being answered."""


def _of_request(_: object, __: str, event: EventDict) -> EventDict:
    """A line that is written while a request is answered has its id."""
    request_id = REQUEST.get(None)
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def configure_logs(settings: Settings) -> None:
    """Send our lines, and the libraries' warnings, to standard error in one form."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        _of_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_places),
    ]
    renderer: list[Any] = (
        # In quotes, or what a client sent would reach a terminal as it is.
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), repr_native_str=True)]
        if settings.log_format == "console"
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,  # a logger that is kept keeps the settings of its first use
    )
    REQUESTS.configure(settings, sys.stderr)
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    _once_a_minute(logging.getLogger("uvicorn.error"))
    # Strawberry logs each invalid query at ERROR, with its source: a flood, and what people wrote.
    logging.getLogger("strawberry.execution").disabled = True


def _once_a_minute(logger: logging.Logger) -> None:
    if not any(isinstance(each, Repeated) for each in logger.filters):
        logger.addFilter(Repeated())


class Repeated(logging.Filter):
    """Lets a warning pass once a minute, with how often it was kept back since: clients can cause some at will.

    By the text as it is in the code, so there are no more of them than the library has.
    """

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        text, now = str(record.msg), self._clock()
        since, kept = self._told.get(text, (-math.inf, 0))
        if now - since < self._seconds:
            self._told[text] = since, kept + 1
            return False
        self._told[text] = now, 0
        if kept:
            record.msg = f"{text} (and {kept:,} more since the last such line)"
        return True


def _places(exc_info: ExcInfo) -> list[str]:
    """What was raised, and where it passed through, the latest last.

    Neither local variables nor messages: both may hold tokens, passwords, or what people wrote.
    """
    error: BaseException | None = exc_info[1]
    found: list[str] = []
    while error is not None:
        frames = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in extract_tb(error.__traceback__)]
        found = [*found, *frames, f"{type(error).__module__}.{type(error).__qualname__}"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found
