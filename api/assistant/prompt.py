"""What the endpoint is sent: the path to a message, from the newest back, as far as a budget of tokens goes."""

from collections.abc import Mapping
from typing import Any, Final

from api.assistant.endpoint import EndpointError, Said
from models.answer import AnswerFailure
from models.bucket import MessageRole, MessageStatus
from models.conversation import Conversation
from models.tree import Row, Window
from resolvers.context import Context

PAGE: Final = 50
BYTES_TO_A_TOKEN: Final = 3
OF_A_MESSAGE: Final = 4
"""Tokens that name its role."""
ROLES: Final[Mapping[str, str]] = {
    MessageRole.ASSISTANT.value: "assistant",
    MessageRole.SYSTEM.value: "system",
}
"""All others are the user's: what tools said has no call here that it answers."""


def tokens(text: str) -> int:
    """An estimate that rather errs upwards: a token has four bytes of English, and three of Chinese."""
    return OF_A_MESSAGE + -(-len(text.encode()) // BYTES_TO_A_TOKEN)


async def prompt(context: Context, conversation: Conversation, row: Row, budget: int, system: str | None) -> list[Said]:
    """The path that ends with `row`, as far as the caller sees it and it fits; what was deleted is left out.

    Raises `EndpointError` where the last message alone is too long.
    """
    found = [_said(row.message)]
    left = budget - sum(tokens(text) for text in (system, found[0]["content"]) if text)
    if left < 0:
        raise EndpointError(AnswerFailure.TOO_LONG)
    history, before = await context.history(conversation), row.address
    while left > 0 and before.depth:
        page = await history.page(row.address.branch, Window(last=PAGE, before=before))
        for earlier in reversed(page.rows):
            if not _tells(earlier.message):
                continue
            said = _said(earlier.message)
            left -= tokens(said["content"])
            if left < 0:
                break
            found.append(said)
        if not page.rows or not page.span.start:
            break
        before = page.rows[0].address
    if system:
        found.append({"role": "system", "content": system})
    return found[::-1]


def _tells(message: Mapping[str, Any]) -> bool:
    whole = message.get("status") != MessageStatus.STREAMING
    return whole and not message.get("deleted_at") and bool(message.get("content"))


def _said(message: Mapping[str, Any]) -> Said:
    return {"role": ROLES.get(message["role"], "user"), "content": message.get("content") or ""}
