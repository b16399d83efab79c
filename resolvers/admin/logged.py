"""A logged decision as a question again, by the rules of its time, for whoever may know of it."""

from beanie import PydanticObjectId

from permissions.actions import Action
from permissions.audit.replay import Replay, replay
from permissions.engine.facts import Resource
from permissions.resources import permission_resource, reading
from resolvers.admin.asking import Asked, Person, sight
from resolvers.context import Context
from resolvers.errors import BadInputError


async def logged(context: Context, decision_id: str) -> Asked:
    """The question that was decided. Raises `BadInputError` where it was not kept, or is not for the asker."""
    record = await context.audit.find_decision(decision_id)
    found = replay(record) if record else None
    person = await _person(context, found) if found else None
    if found is None or person is None or not (person.own or _known(context, found.question.resource)):
        raise BadInputError("decisionId", "is not the id of a decision that was kept, and that you may ask about")
    question = found.question
    snapshot = (await context.permissions.world(question.env.time)).snapshot
    return Asked(question, snapshot, sight(context, person), _known(context, question.resource))


async def _person(context: Context, found: Replay) -> Person | None:
    """Whom it was about, if that is the caller himself or somebody that he may ask about."""
    caller, subject = context.access.subject, found.question.subject
    user = await context.loaders.users.load(PydanticObjectId(str(subject.id)))
    if caller is None or user is None:
        return None
    own = caller.id == subject.id
    allowed = own or bool(context.access.consider(Action.PERMISSION_READ, permission_resource(user)))
    return Person(user, subject, own) if allowed else None


def _known(context: Context, resource: Resource) -> bool:
    """Whether the asker may know of it, as it was. Of what belongs to other services he knows himself."""
    question, access = reading(resource), context.access
    if resource.id is None or question is None:
        return True
    # Not through `access`, which would remember the answer for the resource as it is now.
    return access.subject is not None and bool(access.snapshot.decide(access.subject, *question, access.env))
