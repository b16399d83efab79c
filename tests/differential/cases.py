"""A case: a document that is valid, with what it is asked with, and by whom."""

import json
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse, validate


@dataclass(frozen=True)
class Case:
    """`caller` is a name, such as `alice` or `nobody`."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation: str | None = None
    caller: str = "nobody"
    event: int = 0
    """Of a subscription: which one is told."""
    stray: bool = False
    """Whether `operation` may be none of the document's, or None where it has several."""

    @property
    def document(self) -> DocumentNode:
        """Parsed anew."""
        return parse(self.text)

    def flaws(self, schema: GraphQLSchema) -> list[str]:
        """Why it is none: only sound documents are ever executed."""
        try:
            document = self.document
        except GraphQLError as error:
            return [error.message]
        names = [
            each.name and each.name.value for each in document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        if not self.stray and self.operation not in names and (self.operation or len(names) != 1):
            return [f"there is no operation {self.operation}"]
        return [error.message for error in validate(schema, document)]

    def __str__(self) -> str:
        sent = json.dumps(self.variables, ensure_ascii=True)
        return (
            f"caller: {self.caller}\nevent: {self.event}\noperation: {self.operation}\nvariables: {sent}\n{self.text}"
        )
