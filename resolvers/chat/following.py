"""The right to follow a conversation: what it hangs on, and for how long it holds by itself."""

from dataclasses import dataclass
from typing import Final

from models.conversation import Conversation
from permissions.access import Access
from permissions.actions import Action
from permissions.engine.decision import Decision
from permissions.engine.shares import grantees
from permissions.engine.times import next_turn
from resolvers.live.known import Followed

FOLLOWING: Final = (Action.CONVERSATION_READ, Action.MESSAGE_READ)
"""News of a conversation is news of its messages."""
SECOND: Final = 1.0
"""How long what is shown is good, where any rule looks at the time."""

GONE: Final = "the conversation is gone"
LOST: Final = "you may not read the conversation any more"
NOBODY: Final = "you are not signed in any more: your account was closed, or your session is over"


@dataclass(frozen=True, slots=True)
class Right:
    """Whether the conversation may be followed. `decision` is the one that refuses it, or the last that allows it.

    Without a conversation there is none to decide about.
    """

    conversation: Conversation | None
    decision: Decision | None

    def __bool__(self) -> bool:
        return bool(self.decision)

    @property
    def decision_id(self) -> str | None:
        """Where the audit log tells of it; None where there was nothing, or nobody, to decide about."""
        return None if self.decision is None or self.decision.subject_id is None else self.decision.id

    @property
    def reason(self) -> str:
        """Why not."""
        if self.decision is None:
            return GONE
        return LOST if self.decision.subject_id is not None else NOBODY


def right_to(access: Access, followed: Followed | None) -> Right:
    """That of whose access it is."""
    if followed is None or followed.conversation.deleted:
        return Right(None, None)
    read = access.decide(Action.CONVERSATION_READ, followed.about)
    return Right(followed.conversation, access.decide(Action.MESSAGE_READ, followed.messages) if read else read)


def lasting(access: Access, followed: Followed | None) -> tuple[float | None, float | None]:
    """Seconds until the right may change by itself, and until anything may that is shown; None is for good.

    They are never 0: whoever judges again until the moment is over comes to an end.
    """
    subject, at = access.subject, access.env.time
    if subject is None or followed is None:
        return None, None
    held = subject.roles_at(at)
    own = grantees(subject, access.snapshot.plan(held, Action.MESSAGE_READ).roles) if followed.shares else ()
    turn = next_turn(subject, followed.shares_for(own), at)
    left = None if turn is None else (turn - at).total_seconds()
    if not access.snapshot.moves_at_all(held):
        return left, left
    soon = SECOND if left is None else min(left, SECOND)
    asked = zip(FOLLOWING, (followed.about, followed.messages), strict=True)
    looks = (access.snapshot.next_look(subject, action, about, access.env) for action, about in asked)
    moments = [(look - at).total_seconds() for look in looks if look is not None]
    turns = moments if left is None else [*moments, left]
    return min(turns, default=None), min([soon, *turns])
