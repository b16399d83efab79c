"""Trees to plant."""

from datetime import UTC, datetime

from models.bucket import MessageRole
from models.conversation import Conversation
from models.tree import MessageTree, Sprout
from tests.models.tree.conftest import unborn

AT = datetime(2026, 1, 1, tzinfo=UTC)


def sprout(parent: int | None, content: str) -> Sprout:
    return Sprout(parent, MessageRole.USER, content, AT)


def line(length: int) -> list[Sprout]:
    """One branch: `m0`, `m1`, …"""
    return [sprout(number - 1 if number else None, f"m{number}") for number in range(length)]


def nested(forks: int) -> list[Sprout]:
    """Each answer regenerated once, and the talk goes on from the second: `old 1`, `new 1` after `new 0`, …"""
    sprouts = [sprout(None, "new 0")]
    for depth in range(1, forks + 1):
        tip = len(sprouts) - 1
        sprouts += [sprout(tip, f"old {depth}"), sprout(tip, f"new {depth}")]
    return sprouts


async def planted(tree: MessageTree, sprouts: list[Sprout], width: int | None = None) -> Conversation:
    """A conversation with that tree, as it is stored; its chosen branch is that of the last message."""
    conversation = unborn(width or tree.limits.bucket_messages)
    assert await tree.plant(conversation, sprouts, len(sprouts) - 1 if sprouts else None)
    found = await Conversation.get(conversation.id)
    assert found
    return found
