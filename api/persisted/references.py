"""What a request names, by `documentId` or by `extensions.persistedQuery`; looked at before anything is looked up.

`documentId`: <https://graphql.github.io/graphql-over-http/draft/#sec-Appendix-Persisted-Documents>.
`persistedQuery`: Apollo's protocol, version 1, which urql speaks too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.persisted.errors import DIFFERENT_NAMES, NO_HASH, NO_IDENTIFIER, NO_PERSISTED_QUERY, WRONG_VERSION
from permissions.operations.manifest import IDENTIFIER, LONGEST_ID, SHA256_HEX, SHA256_PREFIX

EXTENSION: Final = "persistedQuery"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of a document; `automatic` where the client would send the text next, if it isn't known."""

    id: str
    automatic: bool

    @property
    def is_hash(self) -> bool:
        """Whether it can be the SHA-256 of a text, so that anybody can tell if it is."""
        return SHA256_HEX.fullmatch(self.id) is not None


def reference(document_id: object, extensions: Mapping[str, Any] | None) -> Reference | None:
    """What a request names; None where it names nothing. Raise `GraphQLError` for what is no name."""
    by_id = None if document_id is None else _of_document(document_id)
    by_hash = _of_extension((extensions or {}).get(EXTENSION))
    if by_id is not None and by_hash is not None and by_id.id != by_hash.id:
        raise DIFFERENT_NAMES.error()
    return by_hash or by_id


def _of_document(given: object) -> Reference:
    bare = _identifier(given)
    if bare is None or (bare != given and not SHA256_HEX.fullmatch(bare)):
        raise NO_IDENTIFIER.error()
    return Reference(bare, automatic=False)


def _of_extension(given: object) -> Reference | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise NO_PERSISTED_QUERY.error()
    version = given.get("version")
    if type(version) is not int or version != VERSION:
        raise WRONG_VERSION.error()
    bare = _identifier(given.get("sha256Hash"))
    if bare is None:
        raise NO_HASH.error()
    return Reference(bare, automatic=True)


def _identifier(given: object) -> str | None:
    """Without `sha256:`; None for what is no identifier. A long one is not even looked at."""
    if not isinstance(given, str) or len(given) > LONGEST_ID + len(SHA256_PREFIX):
        return None
    bare = given.removeprefix(SHA256_PREFIX)
    return bare if len(bare) <= LONGEST_ID and IDENTIFIER.fullmatch(bare) else None
