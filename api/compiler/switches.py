"""The variables that say what is left out of an answer."""

from typing import Any

from graphql import DirectiveNode, DocumentNode, VariableNode, Visitor, visit

LEAVING_OUT = frozenset({"skip", "include"})


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in LEAVING_OUT:
            self.names.update(
                each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)
            )


def switches(document: DocumentNode) -> tuple[str, ...]:
    """Names of all variables in `@skip(if: …)` and `@include(if: …)`, in order."""
    visitor = _Switches()
    visit(document, visitor)
    return tuple(sorted(visitor.names))
