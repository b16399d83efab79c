"""The schema: the roots of all nouns, added up. `parley schema` prints it; `schema.graphql` is that print."""

from collections.abc import Iterable
from typing import Any, Final

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StreamResult
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from api.documents import Documents
from api.documents.answering import CountingExecution
from api.documents.bench import SHORT, Bench, pay
from api.documents.cost_model import declare
from api.documents.gate import Gate
from api.documents.judging import sound
from api.documents.limits import DEFAULT_LIMITS, DocumentLimits
from api.documents.shares import Shares
from api.errors import UNAVAILABLE
from api.execution import Question, answer, tell
from api.prepared import Remembering
from api.response_streams import answers
from permissions.guards import describe
from resolvers import node_queries
from resolvers.account import mutations as account_mutations
from resolvers.account import password_mutations, session_events, session_mutations, session_subscription
from resolvers.account import queries as account_queries
from resolvers.admin import account_mutations as admin_account_mutations
from resolvers.admin import (
    audit,
    erasures,
    keys,
    operations,
    permission_events,
    promotions,
    questions,
    revocations,
    rule_mutations,
    rule_queries,
)
from resolvers.chat import asking, branches, deletions, events, list_events, sharing, streaming, subscriptions
from resolvers.chat import mutations as chat_mutations
from resolvers.chat import queries as chat_queries
from resolvers.chat import search as chat_search
from resolvers.chat import usage as chat_usage
from resolvers.context import Context
from resolvers.errors import TooFastError

SINGLE: Final = frozenset({OperationType.QUERY, OperationType.MUTATION})
"""What has one answer."""


class Schema(Remembering):
    """Errors become what clients may see before anybody formats or logs them."""

    def sound(self, text: str) -> DocumentNode:
        """A document, if it is valid and within its limits. Raise `GraphQLError` where it isn't."""
        return sound(self._schema, text, self.documents, self.limits)

    def flaw(self, text: str) -> str | None:
        """What is wrong with a document; None if it is sound."""
        try:
            self.sound(text)
        except GraphQLError as error:
            return error.message
        except RecursionError:
            return "the document is nested too deeply"
        return None

    def name(self, text: str) -> str | None:
        """Of the one operation of a sound document, if it has one."""
        operations = [each for each in self.sound(text).definitions if isinstance(each, OperationDefinitionNode)]
        return operations[0].name.value if len(operations) == 1 and operations[0].name else None

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """What has one answer, by `api.execution` and by no extensions."""
        kinds = SINGLE if allowed_operation_types is None else SINGLE & frozenset(allowed_operation_types)
        given = variable_values, operation_name, _somebody(context_value), kinds, operation_extensions, root_value
        return await answer(self, Question(query, *given))

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> StreamResult:
        """What may have many, by `api.response_streams`."""
        kinds = frozenset(OperationType if allowed_operation_types is None else allowed_operation_types)
        given = variable_values, operation_name, _somebody(context_value), kinds, operation_extensions, root_value
        return answers(self, Question(query, *given))

    async def judge(self, text: str, asker: object) -> list[GraphQLError]:
        """What is wrong with a long document that nobody has sent; if nothing is, it is remembered now."""
        if len(text) <= SHORT or len(text) > self.limits.characters or self.documents.find(text) is not None:
            return []
        try:
            await pay(asker, text)
            document, errors = await self.bench.judge(self._schema, text, asker, self.limits)
        except GraphQLError as error:
            return [error]
        except (TooFastError, *UNAVAILABLE) as error:
            return [GraphQLError(str(error), original_error=error)]
        if not errors:
            self.documents.remember(text, document)
        return errors

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        tell(self, errors, execution_context and execution_context.context)


def _somebody(context: object) -> Context:
    """INVARIANT: nothing is executed for who isn't known, not even as nobody."""
    if not isinstance(context, Context):
        raise TypeError("who asks isn't known, so nothing is run")
    return context


def build_schema(
    limits: DocumentLimits = DEFAULT_LIMITS, *, compiles: bool = True, kind: type[Schema] = Schema
) -> Schema:
    """The schema that is served; `compiles` its operations. A test has another `kind` to compare it with."""
    documents = Documents()
    schema = kind(
        query=_merged(
            "Query",
            account_queries.Query,
            rule_queries.Query,
            promotions.Query,
            questions.Query,
            audit.Query,
            erasures.Query,
            revocations.Query,
            operations.Query,
            chat_queries.Query,
            chat_search.Query,
            chat_usage.Query,
            deletions.Query,
            branches.Query,
            node_queries.Query,
        ),
        mutation=_merged(
            "Mutation",
            account_mutations.Mutation,
            session_mutations.Mutation,
            password_mutations.Mutation,
            admin_account_mutations.Mutation,
            rule_mutations.Mutation,
            erasures.Mutation,
            promotions.Mutation,
            keys.Mutation,
            revocations.Mutation,
            operations.Mutation,
            chat_mutations.Mutation,
            streaming.Mutation,
            asking.Mutation,
            deletions.Mutation,
            branches.Mutation,
            sharing.Mutation,
        ),
        subscription=_merged(
            "Subscription",
            subscriptions.Subscription,
            list_events.Subscription,
            session_subscription.Subscription,
            permission_events.Subscription,
        ),
        types=[
            *events.EVENTS,
            *list_events.LIST_EVENTS,
            *session_events.SESSION_EVENTS,
            *permission_events.PERMISSION_EVENTS,
        ],
        config=StrawberryConfig(auto_camel_case=True),
        execution_context_class=CountingExecution,
    )
    schema.documents, schema.limits, schema.compiles, schema.bench = documents, limits, compiles, Bench()
    schema.shares, schema.gate = Shares(), Gate()
    describe(schema)
    schema.costs = declare(schema)
    return schema


def _merged(name: str, *roots: type) -> type[Any]:
    return merge_types(name, roots)
