"""An operation of a sound document, with all that doesn't depend on who asks: worked out once, and remembered."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final, cast

import strawberry
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.graphql import OperationType

from api.compiler import compile_operation
from api.documents.bench import Bench
from api.documents.cost import Estimate, length_said
from api.documents.cost_model import Model
from api.documents.executing import introspections
from api.documents.gate import Gate
from api.documents.limits import DEFAULT_LIMITS, DocumentLimits
from api.documents.memory import Documents
from api.documents.shares import Shares
from permissions.engine.facts import Id
from resolvers.account.types import asks_who

COSTS: Final = 64
"""Costs of one operation that are remembered, by the lengths that its variables give to lists."""
OPERATION_CHARACTERS: Final = 13
COST_CHARACTERS: Final = 2
"""What is prepared of an operation takes as much memory as so many characters of a remembered document (70 bytes each);
each cost that is remembered as so many, and one for each variable."""
ANSWERS: Final = 2_000
"""Accounts whose answers to one operation are kept."""
ANSWER_BYTES: Final = 256
ANSWER_CHARACTERS: Final = 6
"""What a kept answer takes at most, as so many characters of a remembered document."""
ABSENT: Final = object()


class Remembering(strawberry.Schema):
    """A schema that knows the operations which it was asked before."""

    documents: Documents
    """Those that were found sound."""
    bench: Bench
    """Where others are judged."""
    gate: Gate
    """Where those wait that ask for much."""
    limits: DocumentLimits = DEFAULT_LIMITS
    costs: Model
    """What its fields cost."""
    compiles: bool = False
    """Whether operations are compiled; else graphql-core executes them."""
    shares: Shares
    """How much is compiled for whom."""


class Prepared:
    """It holds nothing of a request, and is used by many at once."""

    def __init__(
        self, schema: Remembering, text: str, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self.schema: Final = schema
        self.document: Final = document
        self.operation: Final = operation
        self.name: Final = operation.name.value if operation.name else None
        self.kind: Final = OperationType(operation.operation.value)
        self.introspections: Final = introspections(text, document)
        self.compiled: Final = (
            compile_operation(schema, document, operation, schema.shares) if schema.compiles else None
        )
        """None where graphql-core executes it."""
        self.alone: Final = sum(isinstance(each, OperationDefinitionNode) for each in document.definitions) == 1
        """Whether the document has no other operation."""
        self.constant: Final = self.kind is OperationType.QUERY and self.alone and asks_who(operation)
        """Whether it answers each caller always the same, as long as he may ask at all."""
        self.answers: Final[dict[Id, bytes]] = {}
        """What it answered so far, where it is `constant`: to an account each."""
        self.weighed = 0
        """What of its weight is known to who remembers it."""
        self._estimate: Final = Estimate(schema._schema, schema.costs)
        self._variables: Final = [each.variable.name.value for each in operation.variable_definitions or ()]
        self._costs: Final[dict[tuple[object, ...], int]] = {}
        self._cost_weight: Final = COST_CHARACTERS + len(self._variables)

    @property
    def weight(self) -> int:
        """What it takes of memory, in characters of a remembered document. It grows as it is used."""
        compiled = 0 if self.compiled is None else self.compiled.weight
        costs, answers = len(self._costs) * self._cost_weight, len(self.answers) * ANSWER_CHARACTERS
        return OPERATION_CHARACTERS + compiled + costs + answers

    def keep(self, account: Id, answer: bytes) -> None:
        """What it answers to an account, if it is `constant`, and that is short."""
        if self.constant and len(answer) <= ANSWER_BYTES:
            if len(self.answers) >= ANSWERS:
                self.answers.clear()
            self.answers[account] = answer

    def execute(
        self,
        context: Any,
        variables: Mapping[str, Any] | None,
        *,
        root: Any = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """What it comes to, `variables` as they were sent; of a subscription for one event, which is `root`."""
        if self.compiled is not None:
            return self.compiled.execute(context, variables, root=root, extensions=extensions)
        return execute(
            self.schema._schema,
            self.document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=self.name,
            executor_class=self.schema.execution_context_class,
            is_awaitable=cast(Any, optimized_is_awaitable),
            operation_extensions=extensions,
        )

    def cost(self, variables: Mapping[str, Any] | None) -> int:
        """As `Estimate` has it. It looks at nothing of a variable but what number it is, or how long a list."""
        key: tuple[object, ...] = ()
        if self._variables:
            given = variables or {}
            key = tuple([length_said(given[name]) if name in given else ABSENT for name in self._variables])
        known = self._costs.get(key)
        if known is None:
            known = self._estimate.of(self.document, self.name, variables)
            if len(self._costs) >= COSTS:
                self._costs.clear()
            self._costs[key] = known
        return known


def prepared(schema: Remembering, text: str, name: str | None) -> Prepared | None:
    """An operation of a document that is remembered; None of one that isn't.

    Without a name it is the first: that it must be the only one is said elsewhere. Raise `CannotGetOperationTypeError`
    where there is none of that name.
    """
    known = schema.documents.known(text)
    if known is None:
        return None
    found: Prepared | None = known.operations.get(name)
    if found is None:
        found = known.operations[name] = Prepared(schema, text, known.document, named(known.document, name))
    weight = found.weight
    if weight != found.weighed:
        by, found.weighed = weight - found.weighed, weight
        schema.documents.grow(text, by)
    return found


def named(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The first operation that is called so; the first of all, where no name is given.

    Raise `CannotGetOperationTypeError` where there is none.
    """
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode) and (name is None or (each.name and each.name.value == name)):
            return each
    raise CannotGetOperationTypeError(name)
