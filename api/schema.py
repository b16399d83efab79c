"""The schema: the roots of all nouns, added up. `parley schema` prints it; `schema.graphql` is that print."""

from contextlib import suppress
from typing import Any, Final

import strawberry
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from api.decisions import RecordDecisions
from api.documents import Documents
from api.documents.answering import CountingExecution
from api.documents.cost_model import Model, declare
from api.documents.executing import LimitExecution
from api.documents.judging import JudgeDocuments, overlong, sound
from api.documents.limits import DEFAULT_LIMITS, DocumentLimits
from api.documents.schema_access import may_introspect, without_suggestion
from api.documents.variables import problem
from api.errors import UNAVAILABLE, Code, publish
from api.operations import OwnContext
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

AWAY: Final = Code.UNAVAILABLE.value
BAD_INPUT: Final = {"code": Code.BAD_USER_INPUT.value}
REFUSED_CHARACTERS: Final = 64
"""Of a document that is refused; so many count as an object."""


class Schema(strawberry.Schema):
    """Errors become what clients may see before anybody formats or logs them."""

    documents: Documents
    """Those that were found sound."""
    limits: DocumentLimits = DEFAULT_LIMITS
    costs: Model
    """What its fields cost."""
    compiles: bool = False
    """Whether operations are compiled; else graphql-core executes them."""

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

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """What is too large is not even parsed. An extension can't refuse it: a stream would break off."""
        error = _too_fast(context.context) or overlong(context.query, self.limits)
        error = error or problem(context.variables, self.limits)
        if error is not None:
            context.pre_execution_errors = [error]
            return PreExecutionError(data=None, errors=[error])
        try:
            failed = await super()._prepare_operation_async(context, extensions_runner)
        except Exception:
            await _count_refused(context)
            raise
        if failed is None and (error := _undetermined(context)) is not None:
            failed = PreExecutionError(data=None, errors=[error])
        if failed is not None:
            context.pre_execution_errors = failed.errors
            if (error := await _count_refused(context)) is not None:
                context.pre_execution_errors = [error]
                return PreExecutionError(data=None, errors=[error])
        return failed

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        context = execution_context and execution_context.context
        suggest = isinstance(context, Context) and may_introspect(context, self.limits.introspection)
        for error in errors:
            if not suggest:
                without_suggestion(error)
            publish(error)
        if isinstance(context, Context) and any((each.extensions or {}).get("code") == AWAY for each in errors):
            context.missed = True


def _undetermined(asked: ExecutionContext) -> GraphQLError | None:
    """What is said where one of several operations should be named (GraphQL, 6.1): Strawberry would take the first."""
    definitions = asked.graphql_document.definitions if asked.graphql_document is not None else ()
    operations = sum(isinstance(each, OperationDefinitionNode) for each in definitions)
    if asked._provided_operation_name is not None or operations < 2:
        return None
    return GraphQLError("`operationName` must say which of the document's operations is meant", extensions=BAD_INPUT)


def _too_fast(context: Any) -> GraphQLError | None:
    """What is said of who is known to have used up what he may have done in a minute: that costs nothing to answer."""
    if not isinstance(context, Context) or context.allowance is None:
        return None
    try:
        context.allowance.require(context.access)
    except TooFastError as error:
        return GraphQLError(str(error), original_error=error)
    return None


async def _count_refused(asked: ExecutionContext) -> GraphQLError | None:
    """To find out that a document has flaws costs about as much as it is long; what is said where that is too much."""
    if not isinstance(asked.context, Context):
        return None
    try:
        with suppress(*UNAVAILABLE):
            await asked.context.spend(len(asked.query or "") // REFUSED_CHARACTERS)
    except TooFastError as error:
        with suppress(TooFastError, *UNAVAILABLE):
            await asked.context.spend(0)  # or he could go on sending what he can't pay for
        return GraphQLError(str(error), original_error=error)
    return None


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
    schema.documents, schema.limits, schema.compiles = documents, limits, compiles
    describe(schema)
    schema.costs = declare(schema)
    return schema


def _merged(name: str, *roots: type) -> type[Any]:
    return merge_types(name, roots)
