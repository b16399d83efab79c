"""The audit log, as stored: numbered blocks of records, each sealed, each block chained to the one before it."""

from datetime import datetime
from typing import Any

from beanie import Document
from pydantic import BaseModel, ConfigDict


class AuditRecord(BaseModel):
    """One thing that happened. `kind` is `decision`, or what was changed (`role.put`, `login.failed` …).

    `facts`, `before` and `after` are JSON texts: their keys may be anything. No content, no secret is among them.
    """

    model_config = ConfigDict(extra="ignore")

    n: int
    """Its place in the block, from 0."""
    at: datetime
    kind: str
    by: str | None = None
    """The id of the account that did it; None for the system itself, or nobody."""
    session: str | None = None
    ip: str | None = None
    request: str | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    effect: str | None = None
    decided_by: list[str] = []
    shadow: list[str] = []
    """The shadow policies each of which would have turned the decision round."""
    decision: str | None = None
    strategy: str | None = None
    revision: str | None = None
    reason: str | None = None
    facts: str | None = None
    before: str | None = None
    after: str | None = None
    seal: bytes = b""


class AuditBlock(Document):
    """Up to a few hundred records that were committed together. The id is its number, from 1, without gaps.

    INVARIANT: `at` is no earlier than any of its records, nor than the block before it: a range of numbers is a range
    in time.
    """

    id: int  # type: ignore[assignment]  # Beanie's ids may be of any type
    at: datetime
    key: str
    """Names the secret under which it was sealed."""
    previous: bytes
    size: int
    records: list[dict[str, Any]]
    digest: bytes

    class Settings:
        name = "audit_blocks"


class AuditCheckpoint(Document):
    """Says that blocks up to the one of this number were cut for their age, and how that one ended."""

    id: int  # type: ignore[assignment]  # Beanie's ids may be of any type
    at: datetime
    """The time of the last block that was cut."""
    cut_at: datetime
    digest: bytes
    seal: bytes

    class Settings:
        name = "audit_checkpoints"
