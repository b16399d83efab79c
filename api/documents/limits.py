"""How large a document, what it asks for, its variables and its answer may be, and what is said of more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from graphql import GraphQLError

from api.errors import Code

UNBOUNDED: Final = 1_000_000_000
"""Counts go no further."""

Introspection = Literal["permitted", "signed_in", "everyone"]
"""Who may read the schema: who may `schema:introspect`, whoever is signed in, or anybody."""


@dataclass(frozen=True, slots=True)
class CostBudgets:
    """What one operation may cost, in objects by estimate."""

    signed_in: int = 20_000
    nobody: int = 5_000
    roles: Mapping[str, int] = field(default_factory=dict)
    """Of who holds a role; the highest counts."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Each is the most that is let pass."""

    characters: int = 64 * 1024
    tokens: int = 2_000
    depth: int = 18
    """Fields within fields."""
    aliases: int = 100
    """Where a fragment is spread, what it has counts again; so for directives and fields."""
    directives: int = 50
    fields: int = 5_000
    root_fields: int = 50
    """Of one operation."""
    operations: int = 50
    name_characters: int = 128
    repeats: int = 50
    """Fields of one name in an answer, side by side in one selection."""
    overlaps: int = 4_000
    """Steps of comparing fields that have the same name in an answer; a comparison takes two."""
    errors: int = 20
    """Of one document that are told."""
    variables: int = 100
    variable_bytes: int = 3 * 1024 * 1024
    variable_values: int = 10_000
    """Values in all variables, lists and objects and what is in them."""
    variable_depth: int = 32
    answer_bytes: int = 32 * 1024 * 1024
    """Of an answer, and of the messages that are read for it."""
    seconds: float = 30.0
    """That a query may take."""
    mutation_seconds: float = 60.0
    """After which no further field of a mutation is begun."""
    costs: CostBudgets = field(default_factory=CostBudgets)
    introspection: Introspection = "permitted"


def budgets_of_roles(text: str) -> dict[str, int]:
    """As `admin=50000,auditor=30000`. Raise `ValueError` for anything else."""
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    if any(not role.strip() or not number.strip().isdecimal() for role, _, number in pairs):
        raise ValueError("budgets are written `role=number`, with commas between them")
    return {role.strip(): int(number) for role, _, number in pairs}


DEFAULT_LIMITS: Final = DocumentLimits()


def exceeded(limit: str, maximum: float, what: str, code: Code = Code.QUERY_TOO_COMPLEX) -> GraphQLError:
    """The error that tells of it: `limit` for programs, `what` for people."""
    number = f"{maximum:,}" if isinstance(maximum, int) else f"{maximum:g}"
    extensions = {"code": code.value, "limit": limit, "maximum": maximum}
    return GraphQLError(f"{what} {number}", extensions=extensions)
