"""Validation in bounded time: by itself the comparing of overlapping fields is quadratic, and so are suggestions."""

from collections.abc import Collection
from functools import cache
from typing import Any, Final

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, ValidationContext, specified_rules
from graphql import validate as validate_all
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.documents.limits import DocumentLimits, exceeded

MESSAGE_CHARACTERS: Final = 500
"""Of an error: a document could have it repeat a long value many times."""
SUGGESTED: Final = 4
"""Errors of a document, at most, that say what may have been meant."""

Rules = Collection[type[ASTValidationRule]]


def validate(
    schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits, *, suggest: bool
) -> list[GraphQLError]:
    """What is wrong with a document that is within its limits; `suggest` what may have been meant, unless it is much.

    Each suggestion compares a name with all that the type has: twenty took longer than all the rest.
    """
    found = _found(schema, document, limits, suggest=False)
    aborted = bool(found) and isinstance(found[-1], ValidationAbortedError)
    if suggest and 0 < len(found) <= SUGGESTED and not aborted:
        found = _found(schema, document, limits, suggest=True)
    if aborted and len(found) <= limits.errors:
        return [exceeded("overlaps", limits.overlaps, "fields of the same name may be compared in so many steps:")]
    return [_shortened(each) for each in found]


def _found(
    schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits, *, suggest: bool
) -> list[GraphQLError]:
    rules = _rules(limits.overlaps)
    return validate_all(schema, document, rules, max_errors=limits.errors, hide_suggestions=not suggest)


def _shortened(error: GraphQLError) -> GraphQLError:
    """It is about the document, also where a number was too long to be read; it does not repeat all of that."""
    return GraphQLError(error.message[:MESSAGE_CHARACTERS], error.nodes, extensions=error.extensions)


@cache
def _rules(overlaps: int) -> tuple[type[ASTValidationRule], ...]:
    class BoundedOverlappingFields(OverlappingFieldsCanBeMergedRule):
        """Gives up where comparing takes too long."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = overlaps

    ours: dict[Any, type[ASTValidationRule]] = {OverlappingFieldsCanBeMergedRule: BoundedOverlappingFields}
    rules = tuple(ours.get(each, each) for each in specified_rules)
    return (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
