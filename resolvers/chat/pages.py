"""Pages of messages, as the schema shows them."""

from typing import NamedTuple

from models.conversation import Conversation
from models.tree import Page
from permissions.engine.facts import Resource
from resolvers.chat.tree import Message
from resolvers.pagination import Connection, connection, edge
from resolvers.sights import partly
from resolvers.steady import Steady


class _Shown(NamedTuple):
    """A page that is given again, of a conversation that has not changed either."""

    conversation: Conversation
    about: Resource
    connection: Connection[Message]


def shown_page(conversation: Conversation, page: Page, about: Resource) -> Connection[Message]:
    """A page of a conversation's messages, whose `message_resource` is `about`: the same one, where all that is."""
    derived = page.derived
    if derived is None or not page.rows or partly(conversation):
        return _made(conversation, page, about)
    known: _Shown | None = derived.get(_Shown)
    # INVARIANT: both are compared: what guards decide about was made with the page, and conversations can be changed.
    if known is None or known.about != about or known.conversation != conversation:
        made = _made(conversation, page, about)
        made.steady = Steady(about)
        known = derived[_Shown] = _Shown(conversation, about, made)
    return known.connection


def _made(conversation: Conversation, page: Page, about: Resource) -> Connection[Message]:
    # A message's cursor is its place in the tree, its id: so it stays where it is while the conversation grows.
    edges = [edge(message.id, message) for message in Message.page(conversation, page.rows, about)]
    return connection(edges, has_next=page.span.stop < page.length, has_previous=page.span.start > 0)
