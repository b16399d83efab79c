"""A message's files, as the schema shows them."""

from collections.abc import Mapping
from typing import Any, Final, Self

import strawberry

from models.attachment import Attachment as StoredAttachment
from permissions.actions import Action
from permissions.resources import message_resource
from resolvers.chat.reach import readable
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.ids import encode, object_id

KIND: Final = "Attachment"


@strawberry.type(description="A file that belongs to a message.")
class Attachment:
    """As it lies in its message."""

    id: strawberry.ID
    name: str = strawberry.field(description="As its owner called it, without paths and unseen characters.")
    media_type: str = strawberry.field(description="By its content, whatever its name says.")
    size: int = strawberry.field(description="Bytes.")
    sha256: str = strawberry.field(name="sha256", description="Of its content, in hexadecimal.")
    url: str = strawberry.field(
        description="Where to GET it, with the same bearer token; relative to where this server is."
    )

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read the stored form."""
        id_ = encode(KIND, stored["id"])
        return cls(
            id=strawberry.ID(id_),
            name=stored["name"],
            media_type=stored["media_type"],
            size=stored["size"],
            sha256=stored["sha256"].hex(),
            url=f"/attachments/{id_}",
        )


async def readable_attachment(context: Context, id: str) -> StoredAttachment | None:
    """A file, if the caller may read its message as it is now: not deleted, not removed, and with that file."""
    try:
        file_id = object_id(id, KIND)
    except BadInputError:
        return None
    place = await context.attachments.place(file_id)
    # Of a file that isn't there, too: neither the calls nor the log's record must tell that it is.
    conversation = await readable(context, place.conversation_id if place else file_id)
    if place is None or conversation is None:
        return None
    if not context.access.decide(Action.MESSAGE_READ, message_resource(conversation)):
        return None
    row = await context.loaders.rows.load((conversation.id, place.address))
    held = row.message.get("attachments", ()) if row else ()
    return next((StoredAttachment.model_validate(each) for each in held if each["id"] == file_id), None)
