"""From a logged decision back to the question, so that it can be explained, or put to other rules."""

from typing import NamedTuple

from models.audit import AuditRecord
from permissions.audit.events import decoded
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Resource, Share, Subject
from permissions.questions.question import Question


class Replay(NamedTuple):
    """`ahead` tells a question that was asked before any resource was known: whether there may be one at all."""

    question: Question
    ahead: bool


def replay(record: AuditRecord) -> Replay | None:
    """The question, with roles and attributes as they were. None where they were too large to be kept."""
    if record.facts is None or record.action is None or record.resource_type is None:
        return None
    facts = decoded(record.facts)
    held = tuple(Assignment(role) for role in facts["roles"])
    question = Question(
        Subject(facts["user_id"], held, facts["user"]),
        record.action,
        Resource(
            record.resource_type,
            facts["resource_id"],
            facts["resource"],
            tuple(Share(*share) for share in facts.get("shares", ())),
        ),
        Env(facts["time"], facts["env"]),
        ConflictStrategy(record.strategy) if record.strategy in list(ConflictStrategy) else None,
    )
    return Replay(question, facts["ahead"])
