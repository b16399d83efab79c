"""The schema: the roots of all nouns, added up. `parley schema` prints it; `schema.graphql` is that print."""

from collections.abc import Iterable
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StreamResult
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from api.decisions import RecordDecisions
from api.documents import Documents
from api.documents.answering import CountingExecution
from api.documents.bench import SHORT, Bench
from api.documents.cost_model import declare
from api.documents.executing import LimitExecution
from api.documents.gate import Gate
from api.documents.judging import JudgeDocuments, sound
from api.documents.limits import DEFAULT_LIMITS, DocumentLimits
from api.documents.shares import Shares
from api.execution import Question, answer, count_refused, premature, tell, undetermined
from api.operations import OwnContext
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
        """For somebody, past the extensions: `api.execution` takes their steps. Without anybody as Strawberry does."""
        kinds = None if allowed_operation_types is None else frozenset(allowed_operation_types)
        if not isinstance(context_value, Context) or kinds is None or OperationType.SUBSCRIPTION in kinds:
            given = query, variable_values, context_value, root_value, operation_name, kinds, operation_extensions
            return await super().execute(*given)
        asked = Question(query, variable_values, operation_name, context_value, kinds, operation_extensions, root_value)
        return await answer(self, asked)

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
        """The same: `api.response_streams` takes the steps."""
        kinds = frozenset(OperationType if allowed_operation_types is None else allowed_operation_types)
        if not isinstance(context_value, Context):
            given = query, variable_values, context_value, root_value, operation_name, operation_extensions, kinds
            return await super().stream(*given)
        asked = Question(query, variable_values, operation_name, context_value, kinds, operation_extensions, root_value)
        return answers(self, asked)

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """What is too large is not even parsed. An extension can't refuse it: a stream would break off."""
        error = premature(context.context, context.query, context.variables, self.limits)
        if error is not None:
            context.pre_execution_errors = [error]
            return PreExecutionError(data=None, errors=[error])
        try:
            failed = await self._judged_beside(context)
            failed = failed or await super()._prepare_operation_async(context, extensions_runner)
        except Exception:
            await count_refused(context.context, context.query)
            raise
        if failed is None and _is_undetermined(context):
            failed = PreExecutionError(data=None, errors=[undetermined()])
        if failed is not None:
            context.pre_execution_errors = failed.errors
            if (error := await count_refused(context.context, context.query)) is not None:
                context.pre_execution_errors = [error]
                return PreExecutionError(data=None, errors=[error])
        return failed

    async def judge(self, text: str, asker: object) -> list[GraphQLError]:
        """What is wrong with a long document that nobody has sent; if nothing is, it is remembered now."""
        if len(text) <= SHORT or len(text) > self.limits.characters or self.documents.find(text) is not None:
            return []
        try:
            document, errors = await self.bench.judge(self._schema, text, asker, self.limits)
        except GraphQLError as error:
            return [error]
        except TooFastError as error:
            return [GraphQLError(str(error), original_error=error)]
        if not errors:
            self.documents.remember(text, document)
        return errors

    async def _judged_beside(self, context: ExecutionContext) -> PreExecutionError | None:
        """The extensions find the document remembered, then."""
        errors = await self.judge(context.query or "", context.context)
        return PreExecutionError(data=None, errors=errors) if errors else None

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        tell(self, errors, execution_context and execution_context.context)


def _is_undetermined(asked: ExecutionContext) -> bool:
    definitions = asked.graphql_document.definitions if asked.graphql_document is not None else ()
    operations = sum(isinstance(each, OperationDefinitionNode) for each in definitions)
    return asked._provided_operation_name is None and operations > 1


def build_schema(limits: DocumentLimits = DEFAULT_LIMITS, *, compiles: bool = True) -> Schema:
    """The schema that is served; `compiles` its operations."""
    documents = Documents()
    schema = Schema(
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
        extensions=[
            OwnContext,
            lambda: JudgeDocuments(documents, limits),
            lambda: LimitExecution(limits, schema.costs),
            RecordDecisions,
        ],
    )
    schema.documents, schema.limits, schema.compiles, schema.bench = documents, limits, compiles, Bench()
    schema.shares, schema.gate = Shares(), Gate()
    describe(schema)
    schema.costs = declare(schema)
    return schema


def _merged(name: str, *roots: type) -> type[Any]:
    return merge_types(name, roots)
