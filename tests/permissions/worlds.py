"""Small worlds for tests."""

from datetime import UTC, datetime
from typing import Final

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
