"""The variables that say what is left out of an answer."""

from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
    VariableNode,
    Visitor,
    visit,
)

LEAVING_OUT: Final = frozenset({"skip", "include"})
BOOLEAN: Final = "Boolean"


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in LEAVING_OUT:
            self.names.update(
                each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)
            )


def switches(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Names of all variables in `@skip(if: …)` and `@include(if: …)` of one of the document's operations, in order.

    Another operation's may be called as one of this one's that is of any type: a list, or a long text.
    """
    visitor = _Switches()
    visit(document, visitor)
    own = {each.variable.name.value for each in operation.variable_definitions or () if _name_of(each.type) == BOOLEAN}
    return tuple(sorted(visitor.names & own))


def _name_of(type_: TypeNode) -> str | None:
    inner = type_.type if isinstance(type_, NonNullTypeNode) else type_
    return inner.name.value if isinstance(inner, NamedTypeNode) else None
