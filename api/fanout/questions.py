"""What a subscription to a conversation asks: equal questions are one, whoever asks, with variables in any order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from weakref import WeakValueDictionary

import orjson
from beanie import PydanticObjectId
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    get_operation_ast,
)
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.language import OperationType
from strawberry.schema.exceptions import CannotGetOperationTypeError

from api.documents import Documents
from api.documents.bench import SHORT
from api.documents.judging import sound
from api.documents.limits import DocumentLimits
from api.documents.variables import problem
from api.errors import Code
from api.fanout.selection import needs
from api.prepared import Prepared, Remembering, prepared
from permissions.actions import Action
from resolvers.errors import BadInputError
from resolvers.ids import object_id

FIELD: Final = "conversationEvents"


@dataclass(frozen=True, eq=False)
class Question:
    """One that is sound. `needs` as `selection` finds them; None where the answers are for one reader only."""

    operation: Prepared
    variables: Mapping[str, Any]
    needs: frozenset[Action] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a conversation, by somebody who has what was told up to `after`; `cost` by estimate."""

    question: Question
    conversation_id: PydanticObjectId
    after: str | None
    cost: int


class Questions:
    """Those that are being asked. `limits` as for any document."""

    def __init__(self, schema: Remembering, documents: Documents, limits: DocumentLimits) -> None:
        self._remembering: Final = schema
        self._schema: Final[GraphQLSchema] = schema._schema
        self._documents = documents
        self._limits = limits
        self._known: WeakValueDictionary[bytes, Question] = WeakValueDictionary()

    def asked(self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None) -> Asked | None:
        """What is asked of a conversation; None for anything else, and for whatever has a flaw."""
        document = self._sound(query)
        operation = _operation(document, operation_name) if document is not None else None
        field = _field(operation) if operation is not None else None
        if document is None or operation is None or field is None or problem(variables, self._limits) is not None:
            return None
        given, schema = dict(variables or {}), self._remembering
        ready = prepared(schema, query, operation_name) or Prepared(schema, query, document, operation)
        cost = ready.cost(given)
        if cost > self._limits.costs.signed_in:
            return None
        coerced = get_variable_values(self._schema, operation.variable_definitions or (), given)
        if isinstance(coerced, list) or self._schema.subscription_type is None:
            return None
        try:
            arguments = get_argument_values(self._schema.subscription_type.fields[FIELD], field, coerced)
            conversation_id = object_id(str(arguments["conversationId"]), "Conversation")
            question = self._question(query, ready, operation_name, given, _place_only(query, field))
        except (GraphQLError, BadInputError, TypeError, KeyError):
            return None
        return Asked(question, conversation_id, arguments.get("after"), cost)

    def unidentified(self, query: str, operation_name: str | None) -> GraphQLError | None:
        """Why nobody can tell which of a document's operations is meant, if it is sound but for that."""
        document = self._sound(query)
        if document is None or get_operation_ast(document, operation_name) is not None:
            return None
        reason = CannotGetOperationTypeError(operation_name).as_http_error_reason()
        return GraphQLError(reason, extensions={"code": Code.BAD_USER_INPUT.value})

    def _question(
        self,
        query: str,
        ready: Prepared,
        name: str | None,
        given: Mapping[str, Any],
        apart: str | None,
    ) -> Question:
        """The one question for all who ask this. What `apart` names tells only from where on."""
        defined = {each.variable.name.value for each in ready.operation.variable_definitions or ()} - {apart}
        told = {key: value for key, value in given.items() if key in defined}
        key = sha256(orjson.dumps([query, name, told], option=orjson.OPT_SORT_KEYS)).digest()
        found = self._known.get(key)
        if found is None:
            found = Question(ready, told, needs(self._schema, ready.document, ready.operation))
            self._known[key] = found
        return found

    def _sound(self, query: str) -> DocumentNode | None:
        """INVARIANT: judged by the same rules and limits as any other document.

        A long one was judged before this is asked, beside the event loop: it is remembered, or has a flaw.
        """
        if len(query) > SHORT:
            return self._documents.find(query)
        try:
            return sound(self._schema, query, self._documents, self._limits)
        except (GraphQLError, RecursionError):
            return None


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    named = [each for each in found if name is None or (each.name and each.name.value == name)]
    return named[0] if len(named) == 1 and named[0].operation is OperationType.SUBSCRIPTION else None


def _field(operation: OperationDefinitionNode) -> FieldNode | None:
    """The root field, if it stands there plainly."""
    selections = operation.selection_set.selections
    first = selections[0]
    plain = len(selections) == 1 and isinstance(first, FieldNode) and not first.directives and not operation.directives
    return first if plain and isinstance(first, FieldNode) and first.name.value == FIELD else None


def _place_only(query: str, field: FieldNode) -> str | None:
    """The variable that says after which event, if it is used for nothing else."""
    values = [each.value for each in field.arguments or () if each.name.value == "after"]
    if not values or not isinstance(values[0], VariableNode):
        return None
    name = values[0].name.value
    # Once where it is defined, and once where it is used; what is only a comment, or a text, counts as a use.
    return name if len(re.findall(rf"\$\s*{name}\b", query)) == 2 else None
