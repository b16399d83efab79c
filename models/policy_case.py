"""Tests of policies, as stored beside them and written in policy files: a question, and the answer that is wanted."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from models.role import GrantEffect


class CaseSubject(BaseModel):
    """Who would ask: read as `user.…`."""

    model_config = ConfigDict(extra="forbid")

    id: str = "somebody"
    roles: list[str] = []
    attributes: dict[str, Any] = {}


class CaseResource(BaseModel):
    """What would be asked about: read as `resource.…`. Its type is that of the action."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    attributes: dict[str, Any] = {}


class PolicyCase(BaseModel):
    """`effect` is what must come out; `decided_by` names the rules that must have decided, if that matters.

    `at` is the moment that is asked about, by default the present one; `strategy` None is that of the type.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    subject: CaseSubject = CaseSubject()
    action: str
    resource: CaseResource = CaseResource()
    environment: dict[str, Any] = {}
    at: datetime | None = None
    strategy: str | None = None
    effect: GrantEffect
    decided_by: list[str] | None = None
