"""A branch's path as the messages of a new conversation."""

from typing import Final

from models.bucket import MessageRole, MessageStatus, Metadata
from models.tree.address import Address
from models.tree.errors import TooLargeError
from models.tree.history import History
from models.tree.page import Row, Window
from models.tree.plant import Sprout
from models.tree.sight import Sight

MESSAGES: Final = 10_000
BYTES: Final = 32 * 1024 * 1024
"""The most that is copied, of contents as UTF-8: it is held in memory, and somebody waits."""
PAGE: Final = 100


async def copied(history: History, branch: str, until: Address | None, *, metadata: bool | Sight) -> list[Sprout]:
    """The path from the root to `until`, or to the branch's end; `metadata`: with it, or of which messages.

    Raises `BranchNotFoundError`, `CursorError` for an `until` that isn't on the path, and `TooLargeError`.
    """
    sprouts: list[Sprout] = []
    size = 0
    page = await history.page(branch, Window(first=0, after=until))  # proves that it is on the path
    length = until.depth + 1 if until else page.length
    if length > MESSAGES:
        raise TooLargeError("branchId", f"has {length:,} messages, {MESSAGES:,} can be copied", length, MESSAGES)
    after: Address | None = None
    while len(sprouts) < length:
        page = await history.page(branch, Window(first=min(PAGE, length - len(sprouts)), after=after))
        for row in page.rows:
            sprouts.append(_sprout(row, len(sprouts) - 1 if sprouts else None, metadata=metadata))
            size += len(sprouts[-1].content.encode())
        if size > BYTES:
            raise TooLargeError("branchId", f"has more than {BYTES:,} bytes", size, BYTES)
        if not page.rows:  # some of it was removed meanwhile
            break
        after = page.rows[-1].address
    return sprouts


def _sprout(row: Row, parent: int | None, *, metadata: bool | Sight) -> Sprout:
    """A deleted message stays a tombstone."""
    message = row.message
    shown = metadata if isinstance(metadata, bool) else metadata.sees(row.address)
    noted = message.get("metadata") if shown else None
    return Sprout(
        parent=parent,
        role=MessageRole(message["role"]),
        content=message.get("content") or "",
        created_at=message["created_at"],
        author_id=message.get("author_id"),
        status=MessageStatus(message.get("status", MessageStatus.COMPLETE)),
        metadata=Metadata.model_validate(noted) if noted else None,
        deleted_at=message.get("deleted_at"),
    )
