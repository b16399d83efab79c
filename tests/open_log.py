"""What one test has the log do ends with it."""

import sys
from collections.abc import Iterator

import pytest
import structlog

from api.logs import configure_logs
from api.settings import Settings


@pytest.fixture(autouse=True)
def _open_log() -> Iterator[None]:
    """Who reads what is logged has it written to a file of his own, which is closed after him: the next one would fail.

    Set up before that file, so that it is put right after it is closed.
    """
    yield
    factory = structlog.get_config()["logger_factory"]
    if isinstance(factory, structlog.WriteLoggerFactory) and factory._file is not sys.stderr:
        configure_logs(Settings(log_level="error"))
