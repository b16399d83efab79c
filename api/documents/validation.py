"""Validation in bounded time: by itself the comparing of overlapping fields is quadratic, and so are suggestions."""

from functools import cache
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    ParallelVisitor,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    Visitor,
    specified_rules,
    visit,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import (
    FragmentNestingVisitor,
    ValidationAbortedError,
    query_document_keys_to_validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.documents.limits import DocumentLimits, exceeded
from api.documents.parsing import Step
from api.errors import forget_frames

MESSAGE_CHARACTERS: Final = 500
"""Of an error: a document could have it repeat a long value many times."""
SUGGESTED: Final = 4
"""Errors of a document, at most, that say what may have been meant."""

ABORTED: Final = "Too many validation errors, error limit reached. Validation aborted."


def validate(
    schema: GraphQLSchema,
    document: DocumentNode,
    limits: DocumentLimits,
    *,
    suggest: bool,
    step: Step | None = None,
) -> list[GraphQLError]:
    """What is wrong with a document that is within its limits; `suggest` what may have been meant, unless it is much.

    Each suggestion compares a name with all that the type has: twenty took longer than all the rest.
    """
    found = _found(schema, document, limits, suggest=False, step=step)
    aborted = bool(found) and isinstance(found[-1], ValidationAbortedError)
    if suggest and 0 < len(found) <= SUGGESTED and not aborted:
        found = _found(schema, document, limits, suggest=True, step=step)
    if aborted and len(found) <= limits.errors:
        return [exceeded("overlaps", limits.overlaps, "fields of the same name may be compared in so many steps:")]
    return [_shortened(each) for each in found]


def _found(
    schema: GraphQLSchema, document: DocumentNode, limits: DocumentLimits, *, suggest: bool, step: Step | None
) -> list[GraphQLError]:
    """As graphql-core's `validate`. Its visitors keep themselves by their methods, and the document: not longer."""
    errors: list[GraphQLError] = []

    def found(error: GraphQLError) -> None:
        if len(errors) >= limits.errors:
            raise ValidationAbortedError(ABORTED)
        errors.append(error)

    types = TypeInfo(schema)
    context = ValidationContext(schema, document, types, found, hide_suggestions=not suggest)
    visitors: list[Visitor] = [rule(context) for rule in _rules(limits.overlaps)]
    if fragments := {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    if step is not None:
        visitors.append(_Stepping(step))
    together = ParallelVisitor(visitors)
    walking = TypeInfoVisitor(types, together)
    try:
        visit(document, walking, query_document_keys_to_validate)
    except (ValidationAbortedError, RecursionError):
        errors.append(ValidationAbortedError(ABORTED))  # one that was never raised has no frames
    finally:
        for each in (*visitors, together, walking, context, types):
            vars(each).clear()
    for error in errors:
        forget_frames(error)
    return errors


def _shortened(error: GraphQLError) -> GraphQLError:
    """It is about the document, also where a number was too long to be read; it does not repeat all of that."""
    return GraphQLError(error.message[:MESSAGE_CHARACTERS], error.nodes, extensions=error.extensions)


class _Stepping(Visitor):
    """Tells of each node."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def enter(self, *_: object) -> None:
        self.step()


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
