"""What a document asks for, counted in one walk: each node once, and each fragment once, however often it is spread."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from api.documents.limits import UNBOUNDED, DocumentLimits, exceeded

SCHEMA_FIELDS: Final = frozenset({"__schema", "__type"})


@dataclass(slots=True)
class Counts:
    """Of a selection, with all that its fragments have."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0
    root_fields: int = 0
    introspects: bool = False
    longest_name: int = 0
    repeats: int = 0

    def add(self, spread: "Counts", depth: int) -> None:
        """A fragment that has `spread` stands below `depth` fields."""
        self.depth = min(max(self.depth, depth + spread.depth), UNBOUNDED)
        self.aliases = min(self.aliases + spread.aliases, UNBOUNDED)
        self.directives = min(self.directives + spread.directives, UNBOUNDED)
        self.fields = min(self.fields + spread.fields, UNBOUNDED)
        if depth == 0:
            self.root_fields = min(self.root_fields + spread.root_fields, UNBOUNDED)
        self.introspects |= spread.introspects
        self.longest_name = max(self.longest_name, spread.longest_name)
        self.repeats = max(self.repeats, spread.repeats)


@dataclass(slots=True)
class _Part:
    """An operation or a fragment, with what it has itself, and the fragments that it spreads at which depths."""

    counts: Counts = field(default_factory=Counts)
    spreads: list[tuple[str, int]] = field(default_factory=list)


Visit = Callable[[], None]


def measure(document: DocumentNode, visited: Visit = lambda: None) -> list[Counts]:
    """What each operation asks for. `visited` is called for each node that is looked at."""
    fragments: dict[str, _Part] = {}
    operations: list[_Part] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(_part(definition, visited))
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = _part(definition, visited)
    totals: dict[str, Counts] = {}
    for name in fragments:
        _total(name, fragments, totals, visited)
    return [_whole(each, totals, visited) for each in operations]


def require(document: DocumentNode, limits: DocumentLimits, visited: Visit = lambda: None) -> None:
    """Raise `GraphQLError` where a document asks for more than `limits` allow."""
    operations = measure(document, visited)
    if len(operations) > limits.operations:
        raise exceeded("operations", limits.operations, "a document may have so many operations:")
    for each in operations:
        _require(each, limits)


def _require(counts: Counts, limits: DocumentLimits) -> None:
    for found, limit, maximum, what in (
        (counts.longest_name, "name_characters", limits.name_characters, "a name may have so many characters:"),
        (counts.depth, "depth", limits.depth, "fields may be nested so deep:"),
        (counts.root_fields, "root_fields", limits.root_fields, "an operation may have so many root fields:"),
        (counts.aliases, "aliases", limits.aliases, "an operation may have so many aliases:"),
        (counts.directives, "directives", limits.directives, "an operation may have so many directives:"),
        (counts.repeats, "repeats", limits.repeats, "fields of one name may stand side by side so often:"),
        (counts.fields, "fields", limits.fields, "an operation may have so many fields:"),
    ):
        if found > maximum:
            raise exceeded(limit, maximum, what)


def _part(definition: OperationDefinitionNode | FragmentDefinitionNode, visited: Visit) -> _Part:
    part = _Part()
    part.counts.directives = len(definition.directives or ())
    if isinstance(definition, OperationDefinitionNode):
        part.counts.directives += sum(len(each.directives or ()) for each in definition.variable_definitions or ())
    waiting: list[tuple[SelectionSetNode, int]] = [(definition.selection_set, 0)]
    while waiting:
        selection_set, depth = waiting.pop()
        part.counts.repeats = max(part.counts.repeats, _repeats(selection_set))
        for selection in selection_set.selections:
            visited()
            waiting.extend(_count(part, selection, depth))
    return part


def _count(part: _Part, selection: SelectionNode, depth: int) -> Iterator[tuple[SelectionSetNode, int]]:
    """Count one node; yield the selections below it, with their depths."""
    counts = part.counts
    counts.directives += len(selection.directives or ())
    if isinstance(selection, FieldNode):
        counts.fields += 1
        counts.depth = max(counts.depth, depth + 1)
        counts.root_fields += depth == 0
        counts.aliases += selection.alias is not None
        counts.introspects |= selection.name.value in SCHEMA_FIELDS
        counts.longest_name = max(counts.longest_name, *map(len, _names(selection)))
        if selection.selection_set is not None:
            yield selection.selection_set, depth + 1
    elif isinstance(selection, InlineFragmentNode):
        yield selection.selection_set, depth
    elif isinstance(selection, FragmentSpreadNode):
        part.spreads.append((selection.name.value, depth))
        counts.longest_name = max(counts.longest_name, len(selection.name.value))


def _repeats(selection_set: SelectionSetNode) -> int:
    fields = (each for each in selection_set.selections if isinstance(each, FieldNode))
    names = Counter((each.alias or each.name).value for each in fields)
    return max(names.values(), default=0)


def _names(selection: FieldNode) -> Iterator[str]:
    yield selection.name.value
    if selection.alias is not None:
        yield selection.alias.value
    for argument in selection.arguments or ():
        yield argument.name.value
    for directive in selection.directives or ():
        yield directive.name.value


def _total(name: str, parts: Mapping[str, _Part], totals: dict[str, Counts], visited: Visit) -> None:
    """Add up a fragment, after those that it spreads. Of a cycle, which is invalid, some are missing."""
    waiting, entered = [name], set[str]()
    while waiting:
        current = waiting[-1]
        if current in totals:
            waiting.pop()
            continue
        if current not in entered:
            entered.add(current)
            waiting.extend(
                each
                for each, _ in parts[current].spreads
                if each in parts and each not in totals and each not in entered
            )
            continue
        waiting.pop()
        totals[current] = _whole(parts[current], totals, visited)


def _whole(part: _Part, totals: Mapping[str, Counts], visited: Visit) -> Counts:
    for name, depth in part.spreads:
        visited()
        if name in totals:
            part.counts.add(totals[name], depth)
    return part.counts


def problem(document: DocumentNode, limits: DocumentLimits, visited: Visit = lambda: None) -> GraphQLError | None:
    """What is too much about a document, if anything is."""
    try:
        require(document, limits, visited)
    except GraphQLError as error:
        return error.with_traceback(None)  # who is told it is in that: they would keep each other
    return None
