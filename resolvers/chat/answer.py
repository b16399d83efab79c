"""Answers that were asked for, as the schema shows them."""

from datetime import datetime
from typing import Self

import strawberry

from models.answer import AnswerFailure, AnswerState
from models.answer import AnswerRequest as StoredRequest
from models.clock import now
from models.tree import Address, Sight
from resolvers.ids import message_id

strawberry.enum(AnswerState, description="How far an answer is that was asked for.")
strawberry.enum(AnswerFailure, description="Why there is no whole answer.")


@strawberry.type(description="An answer that the assistant was asked for.")
class AnswerRequest:
    """The newest of a message."""

    state: AnswerState
    reason: AnswerFailure | None = strawberry.field(description="Why it has failed.")
    asked_at: datetime
    ended_at: datetime | None
    tries: int = strawberry.field(description="How often it was begun.")
    number: int = strawberry.field(description="0 for the first one that was asked for, then counted up.")
    message_id: strawberry.ID | None = strawberry.field(
        description="The answer, as soon as there is something of it: it is read as it grows, like any message."
    )

    @classmethod
    def of(cls, stored: StoredRequest, sight: Sight | None) -> Self:
        """A stored request, as the schema shows it to who sees that of the conversation."""
        state, reason = stored.as_of(now())
        address = Address.parse(stored.answer) if stored.answer else None
        seen = address is not None and (sight is None or sight.sees(address))
        return cls(
            state=state,
            reason=reason,
            asked_at=stored.asked_at,
            ended_at=stored.ended_at,
            tries=stored.tries,
            number=stored.number,
            message_id=strawberry.ID(message_id(stored.conversation_id, address)) if address and seen else None,
        )
