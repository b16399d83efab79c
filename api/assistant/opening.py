"""The assistant of a worker, by its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from api.assistant.account import assistant_account
from api.assistant.desk import Desk, Rules
from api.assistant.endpoint import ChatCompletions
from api.assistant.worker import Assistant
from api.services import Services
from api.settings import Settings
from permissions.administration import Administration

OVERHEAD: Final = 128
"""Bytes of a stream for a byte of the answer, at most: each token comes in some 300 bytes of JSON."""
NO_KEY: Final = "none"
"""For endpoints that ask for none; the library wants one."""


@asynccontextmanager
async def open_assistant(settings: Settings, services: Services) -> AsyncIterator[Assistant]:
    """One that answers by the endpoint of `settings`, which name one. It makes its account, once."""
    if settings.assistant_base_url is None:
        raise ValueError("PARLEY_ASSISTANT_BASE_URL is not set")
    office = Administration(services.changes, services.authentication.accounts.credentials, services.audit.write)
    account_id = await assistant_account(office)
    key = settings.assistant_key.get_secret_value() if settings.assistant_key else NO_KEY
    endpoint = ChatCompletions(settings.assistant_base_url, key, OVERHEAD * settings.assistant_answer_bytes)
    try:
        yield Assistant(Desk(services, endpoint, account_id, rules(settings)), settings.assistant_answers)
    finally:
        await endpoint.aclose()


def rules(settings: Settings) -> Rules:
    """The assistant's part of the settings."""
    return Rules(
        model=settings.assistant_model,
        system=settings.assistant_prompt or None,
        context_tokens=settings.assistant_context_tokens,
        answer_bytes=settings.assistant_answer_bytes,
        seconds=settings.assistant_seconds,
        lease_seconds=settings.assistant_lease_seconds,
    )
