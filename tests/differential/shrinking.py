"""The smallest document that still shows what is wrong: parts are left out as long as it does."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from graphql.language.visitor import REMOVE

from tests.differential.cases import Case
from tests.differential.comparing import Verdict, compare
from tests.differential.executing import Executors

MOST: Final = 400
"""Tries."""
PARTS: Final = (
    OperationDefinitionNode,
    FragmentDefinitionNode,
    FieldNode,
    InlineFragmentNode,
    FragmentSpreadNode,
    DirectiveNode,
    ArgumentNode,
)


async def shrunk(executors: Executors, case: Case, compared: Callable[..., Awaitable[Verdict]] = compare) -> Case:
    """It is as wrong as before, though not always in the same."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for one in smaller_ones(case):
            if one == case or one.flaws(executors.schema._schema):
                continue
            tries += 1
            if tries > MOST:
                return case
            if (await compared(executors, one)).faults:
                case, smaller = one, True
                break
    return case


def smaller_ones(case: Case) -> Iterator[Case]:
    """Each with a part less, the largest parts first."""
    document = parse(case.text)
    parts = sorted(_parts(document), key=lambda each: -len(print_ast(each)))
    for part in parts:
        yield _without(case, document, part)
        if isinstance(part, InlineFragmentNode | FragmentSpreadNode):
            yield _tidy(case, _replaced(document, part))
    for name in case.variables:
        yield replace(case, variables={key: value for key, value in case.variables.items() if key != name})


def _parts(document: DocumentNode) -> list[Node]:
    found: list[Node] = []

    class Finding(Visitor):
        def enter(self, node: Node, *_: Any) -> None:
            if isinstance(node, PARTS):
                found.append(node)

    visit(document, Finding())
    return found


def _without(case: Case, document: DocumentNode, part: Node) -> Case:
    class Leaving(Visitor):
        def enter(self, node: Node, *_: Any) -> Any:
            return REMOVE if node is part else None

    return _tidy(case, visit(document, Leaving()))


def _replaced(document: DocumentNode, part: Node) -> DocumentNode:
    """What is in a fragment, in its place."""
    inner: Any = getattr(part, "selection_set", None)
    if isinstance(part, FragmentSpreadNode):
        inner = next(
            each.selection_set
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode) and each.name.value == part.name.value
        )

    class Replacing(Visitor):
        def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> Any:
            if part not in node.selections:
                return None
            at = list(node.selections).index(part)
            return SelectionSetNode(selections=(*node.selections[:at], *inner.selections, *node.selections[at + 1 :]))

    changed: DocumentNode = visit(document, Replacing())
    return changed


def _tidy(case: Case, document: DocumentNode) -> Case:
    """Without fragments and variables that nothing asks for any more, and with no empty selections."""

    class Filling(Visitor):
        def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> Any:
            return None if node.selections else SelectionSetNode(selections=(FieldNode(name=_name("__typename")),))

    document = visit(document, Filling())
    while True:
        used = {each.name.value for each in _all(document, FragmentSpreadNode)}
        kept = [
            each
            for each in document.definitions
            if not isinstance(each, FragmentDefinitionNode) or each.name.value in used
        ]
        if len(kept) == len(document.definitions):
            break
        document = DocumentNode(definitions=tuple(kept))
    asked = _asked(document)

    class Undeclaring(Visitor):
        def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
            return None if node.variable.name.value in asked else REMOVE

    document = visit(document, Undeclaring())
    return replace(case, text=print_ast(document), variables={k: v for k, v in case.variables.items() if k in asked})


def _all(node: Node, kind: type[Any]) -> list[Any]:
    found: list[Any] = []

    class Finding(Visitor):
        def enter(self, node: Node, *_: Any) -> None:
            if isinstance(node, kind):
                found.append(node)

    visit(node, Finding())
    return found


def _asked(document: DocumentNode) -> set[str]:
    """Names of variables, but for where they are declared."""
    declared = _all(document, VariableDefinitionNode)
    names = [each.name.value for each in _all(document, VariableNode)]
    for each in declared:
        names.remove(each.variable.name.value)
    return set(names)


def _name(text: str) -> NameNode:
    return NameNode(value=text)
