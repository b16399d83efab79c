"""What of a conversation somebody sees who has it by shares only."""

from models.conversation import Conversation
from permissions.access import Access


def shared_branches(access: Access, conversation: Conversation) -> frozenset[str] | None:
    """The branches whose paths the caller may read, where shares of branches are all that lets him; None is all.

    Ask it of a conversation whose messages he may read.
    """
    return None
