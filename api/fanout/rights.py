"""With whom somebody may share answers: all of whose rights give the same."""

from collections.abc import Hashable

from api.fanout.questions import Question
from models.conversation import Conversation
from permissions.access import Access
from permissions.actions import Action
from permissions.resources import message_resource
from permissions.sharing import shared_branches


def rights(access: Access, conversation: Conversation, question: Question) -> Hashable:
    """Equal for two who may both read the conversation, if they get equal answers; for None nobody is another's equal.

    It is made of what was decided, not of what the decisions rest on: whoever is let to the same sees the same. Who is
    denied something is told by which decision, so he shares with nobody.
    """
    if question.needs is None:
        return None
    about = message_resource(conversation)
    if not all(access.consider(action, about) for action in question.needs):
        return None
    # The sight of metadata is looked at wherever there is one of messages.
    seen = (Action.MESSAGE_READ, Action.MESSAGE_READ_METADATA)
    return tuple(shared_branches(access, conversation, action) for action in seen)
