"""What is said of what is not run. INVARIANT: constant texts: none repeats what was sent, nor tells what is stored."""

from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError

from api.errors import Code


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in the making: each request gets one of its own."""

    message: str
    code: Code = Code.BAD_USER_INPUT

    def error(self) -> GraphQLError:
        """The error."""
        return GraphQLError(self.message, extensions={"code": self.code.value})


NOT_FOUND: Final = Refusal("PersistedQueryNotFound", Code.PERSISTED_QUERY_NOT_FOUND)
"""Clients send the text then. They go by the message as often as by the code."""
NOT_SUPPORTED: Final = Refusal("PersistedQueryNotSupported", Code.PERSISTED_QUERY_NOT_SUPPORTED)
"""Clients ask by hash no more."""
WRONG_VERSION: Final = Refusal("unsupported persisted query version")
NO_PERSISTED_QUERY: Final = Refusal("`extensions.persistedQuery` is an object, if it is there")
NO_HASH: Final = Refusal("`sha256Hash` is the id of a document")
NO_IDENTIFIER: Final = Refusal("`documentId` is the id of a document")
DIFFERENT_NAMES: Final = Refusal("`documentId` and `sha256Hash` name different documents")
MISMATCH: Final = Refusal("provided sha does not match query")
"""Also of a trusted document's id, with another text."""
UNTRUSTED: Final = Refusal("only registered operations are run here", Code.QUERY_NOT_IN_SAFELIST)
