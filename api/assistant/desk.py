"""What a worker answers with, and by which rules."""

from dataclasses import dataclass

from beanie import PydanticObjectId

from api.assistant.endpoint import Endpoint
from api.assistant.pieces import PAUSE_SECONDS
from api.services import Services
from models.answers import Answers


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are given; see `api.settings`."""

    model: str
    system: str | None = None
    context_tokens: int = 8_000
    answer_bytes: int = 256 * 1024
    seconds: float = 300.0
    tries: int = 5
    backoff_seconds: float = 1.0
    """Before the second try; twice as long before each further one."""
    lease_seconds: float = 30.0
    """A worker that died is noticed after so long; rights are judged again after a sixth of it."""
    pause_seconds: float = PAUSE_SECONDS


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker answers with."""

    services: Services
    endpoint: Endpoint
    account_id: PydanticObjectId
    rules: Rules

    @property
    def answers(self) -> Answers:
        """The queue."""
        return Answers(self.services.database.db)
