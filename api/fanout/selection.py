"""Which answers are the same for all who may read a conversation, and on what further rights they hang.

Deny by default: what does not stand here may differ from one reader to another, and is never shared.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from permissions.actions import Action

ANY_EVENT: Final = frozenset({"cursor"})
SHARED: Final[Mapping[str, frozenset[str]]] = {
    "Subscription": frozenset({"conversationEvents"}),
    "ConversationEvent": ANY_EVENT,
    "MessageAdded": ANY_EVENT | {"message"},
    "MessageChanged": ANY_EVENT | {"message"},
    "MessageDelta": ANY_EVENT | {"messageId", "offset", "text"},
    "MessageDeleted": ANY_EVENT | {"messageId"},
    "ConversationChanged": ANY_EVENT | {"conversation"},
    "AccessRevoked": ANY_EVENT | {"reason", "decisionId"},  # never shared: who loses a right is told by himself
    "ResyncRequired": ANY_EVENT | {"reason"},
    "Message": frozenset(
        {
            *("id", "role", "content", "contentLength", "createdAt", "status", "depth", "deletedAt", "attachments"),
            *("siblingCount", "siblingIndex", "siblings", "parent", "editedFrom", "branch", "author", "metadata"),
        }
    ),
    "MessageMetadata": frozenset({"llmModel", "tokensUsed", "latencyMs", "extra"}),
    "Attachment": frozenset({"id", "name", "mediaType", "size", "sha256", "url"}),
    "Branch": frozenset({"id", "messageCount", "forkedFrom", "author", "tip", "createdAt"}),
    "Conversation": frozenset(
        {
            *("id", "title", "tags", "attributes", "archived", "startedAt", "updatedAt"),
            *("messageCount", "branchCount", "owner"),
        }
    ),
    "User": frozenset({"id", "displayName"}),
}
"""Fields whose values hang on the conversation, on what a reader sees of it, and on `NEEDS`; on nothing else of his."""
NEEDS: Final[Mapping[tuple[str, str], Action]] = {("Message", "metadata"): Action.MESSAGE_READ_METADATA}
"""What is asked of the conversation for a field."""


def needs(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> frozenset[Action] | None:
    """The rights on which answers hang beyond that of reading; None where some field may hang on anything else."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    found: set[Action] = set()
    for parent, field in _fields(schema, schema.subscription_type, operation.selection_set, fragments, set()):
        if field != "__typename" and field not in SHARED.get(parent, ()):
            return None
        if (parent, field) in NEEDS:
            found.add(NEEDS[parent, field])
    return frozenset(found)


def _fields(
    schema: GraphQLSchema,
    parent: GraphQLNamedType | None,
    selected: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    seen: set[str],
) -> Iterator[tuple[str, str]]:
    """Each with the type that it is asked of; of a fragment once, however often it is spread."""
    for each in selected.selections:
        if isinstance(each, FieldNode):
            name = each.name.value
            yield (parent.name if parent else ""), name
            if each.selection_set is not None:
                field = getattr(parent, "fields", {}).get(name)
                child = get_named_type(field.type) if field else None
                yield from _fields(schema, child, each.selection_set, fragments, seen)
        elif isinstance(each, InlineFragmentNode):
            within = schema.get_type(each.type_condition.name.value) if each.type_condition else parent
            yield from _fields(schema, within, each.selection_set, fragments, seen)
        elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
            seen.add(each.name.value)
            fragment = fragments[each.name.value]
            within = schema.get_type(fragment.type_condition.name.value)
            yield from _fields(schema, within, fragment.selection_set, fragments, seen)
