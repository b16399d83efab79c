"""All of them, each by its name."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from beanie import PydanticObjectId

from models.tree import MAIN, Address, Window
from tests.models.operations.administration import (
    LOGIN,
    administered,
    asked_about,
    audited,
    erased,
    found_users,
    managed,
)
from tests.models.operations.conversations import (
    ALL_FIELDS,
    CHOOSE,
    DELETE,
    NODES,
    RENAME,
    answered,
    attached,
    followed,
    listed,
    searched,
    seen,
    shared,
    started,
    streamed,
    used,
)
from tests.models.operations.trees import (
    chosen,
    compared,
    crowded,
    deleted,
    forked_root,
    imported,
    read_alone,
    read_together,
    retried,
    rolled,
    swept,
    transferred,
)
from tests.models.operations.world import SAYS, World
from tests.resolvers.chat.documents import EDIT, PAGE, append

Operation = Callable[[World], Awaitable[Any]]
OPERATIONS: Final[dict[str, Operation]] = {
    "start": started,
    "append at the end": lambda world: append(world.alice, world.chat, "x"),
    "append with a key": lambda world: append(world.alice, world.chat, "x", idempotencyKey="k"),
    "append as another": lambda world: world.tree.append(world.stored, Address(MAIN, 1), SAYS),
    "edit": lambda world: world.ask(world.alice, EDIT, input={"messageId": world.messages[0]["id"], "content": "new"}),
    "fork the first message": forked_root,
    "a crowd": crowded,
    "retry": retried,
    "fill buckets": rolled,
    "choose": chosen,
    "choose over GraphQL": lambda world: world.ask(world.admin, CHOOSE, id=world.messages[0]["branch"]["id"]),
    "page": lambda world: world.ask(world.alice, PAGE, id=world.chat, last=20),
    "page below nested forks": lambda world: world.history.page(world.tip, Window(first=20)),
    "messages by address": read_alone,
    "messages of several conversations": read_together,
    "branches' ends": lambda world: world.history.ends([MAIN, world.tip]),
    "branches": lambda world: world.history.branches(PydanticObjectId(), 20),
    "plant": imported,
    "export and import": transferred,
    "all fields": lambda world: world.ask(world.alice, ALL_FIELDS, id=world.chat),
    "list": listed,
    "list by start": lambda world: listed(world, by="STARTED_ASC"),
    "list by everything": lambda world: listed(
        world, filter={"tagsAny": ["a"], "titleContains": "x", "archived": False}
    ),
    "list of an owner": lambda world: listed(world, filter={"ownerId": world.alice_id}),
    "nodes": lambda world: world.ask(world.alice, NODES, ids=[world.chat, world.alice_id, world.messages[0]["id"]]),
    "me": lambda world: world.ask(world.alice, "{ me { id email sessions { id } roleAssignments { id } } }"),
    "users": found_users,
    "search": searched,
    "usage": used,
    "audit log": audited,
    "permissions": managed,
    "questions about permissions": asked_about,
    "accounts": administered,
    "login": lambda world: world.served.nobody.ask(LOGIN),
    "rename": lambda world: world.ask(world.alice, RENAME, id=world.chat),
    "branches compared and copied": compared,
    "shared": shared,
    "delete": lambda world: world.ask(world.alice, DELETE, id=world.chat),
    "deleted, restored and purged": deleted,
    "swept": swept,
    "attachments": attached,
    "shared branches": seen,
    "streamed": streamed,
    "followed": followed,
    "answered": answered,
    "erased": erased,
}
"""Everything that reads or writes. Who adds a query adds a line here."""
