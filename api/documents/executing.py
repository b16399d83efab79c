"""What is judged when a document is executed: it depends on who asks, with which variables, and on what is there."""

import re
import time
from contextlib import AbstractContextManager
from typing import Any, Final, Self

import pymongo
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from api.documents.cost import Actual
from api.documents.limits import CostBudgets, DocumentLimits, exceeded
from api.documents.measure import measure
from api.documents.schema_access import require_introspection
from models.clock import now
from permissions.access import Access
from permissions.engine.facts import Subject
from resolvers.context import Context

_ABOUT_SCHEMA: Final = re.compile(r"\b__(schema|type)\b")
INTROSPECTION: Final = 2_000
"""What it costs to read all of the schema: it takes as long as forty small operations, in one piece."""
GRACE_SECONDS: Final = 1.0
"""How long a query may take to end by itself after its calls to the database were ended. Many calls of the driver must
not be cancelled together."""


Price = dict[str, int]
"""`estimated`, and the `budget` of who asks."""


def cost_extension(
    price: Price, actual: Actual | None, operation: OperationDefinitionNode | None, data: Any
) -> dict[str, Any]:
    """The extension of an answer that says what it cost."""
    if actual is None or operation is None or not isinstance(data, dict):
        return {"cost": price}
    return {"cost": price | {"actual": actual.of(operation, data)}}


def introspections(text: str, document: DocumentNode) -> int:
    """How often a document may read the schema, at most: under each of the names that are given."""
    if not _ABOUT_SCHEMA.search(text):
        return 0
    return max((1 + each.aliases for each in measure(document) if each.introspects), default=0)


def priced(context: Context, cost: int, introspecting: int, limits: DocumentLimits) -> Price:
    """What an operation costs by estimate, and may cost."""
    budget = budget_of(context.access, limits.costs)
    return {"estimated": cost + INTROSPECTION * introspecting, "budget": budget}


async def admit(context: Context, price: Price, introspecting: int, limits: DocumentLimits, judging: int = 0) -> None:
    """Have it counted, and raise where it may not be executed. It is counted before it is refused, too.

    What was counted already for `judging` its document is part of that.
    """
    cost, budget = price["estimated"], price["budget"]
    counted = (cost if cost <= budget else 0) - judging
    if (counted > 0 or not judging) and not context.spent(counted):
        await context.spend(counted)
    require_right(context, price, introspecting, limits)


def require_right(context: Context, price: Price, introspecting: int, limits: DocumentLimits) -> None:
    """Raise where an operation of that price, which reads the schema so often, may not be executed."""
    if introspecting:
        require_introspection(context, limits.introspection)
    cost, budget = price["estimated"], price["budget"]
    if cost > budget:
        raise exceeded("cost", budget, f"the operation costs {cost:,} by estimate (ask for less at once) of")


def budget_of(access: Access, costs: CostBudgets) -> int:
    """What an operation of the caller may cost: the most that any role gives which he holds now."""
    return budget_for(access.subject, costs, access)


def budget_for(subject: Subject | None, costs: CostBudgets, access: Access | None = None) -> int:
    """The same of somebody, at the moment of his `access` or, without one, at this."""
    if subject is None:
        return costs.nobody
    if not costs.roles:
        return costs.signed_in
    held = subject.roles_at(now() if access is None else access.env.time)
    return max(costs.signed_in, *(costs.roles.get(each, 0) for each in held), 0)


class Timer(AbstractContextManager["Timer"]):
    """Within the block calls to the database end when the time is up. Raises `GraphQLError` for what it ends."""

    __slots__ = ("_calls", "_until", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds: Final = seconds
        self._until: Final = time.monotonic() + seconds
        self._calls: Final = pymongo.timeout(seconds)

    @property
    def error(self) -> GraphQLError:
        """What is said of what takes too long."""
        return exceeded("seconds", self.seconds, "a query may take so many seconds:")

    def require(self) -> None:
        """Raise `GraphQLError` where it took too long."""
        if time.monotonic() >= self._until:
            raise self.error

    def __enter__(self) -> Self:
        self._calls.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *given: Any) -> None:
        self._calls.__exit__(kind, *given)
        if kind is not None and issubclass(kind, TimeoutError):
            self.require()
