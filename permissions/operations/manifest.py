"""Manifests, as the tools of GraphQL's clients write them.

- Apollo's `generate-persisted-query-manifest`: `{"format": "apollo-persisted-query-manifest", "version": 1,
  "operations": [{"id", "body", "name", "type"}]}`
- relay-compiler's `persistConfig` and graphql-codegen's `persisted-documents.json`: `{"<id>": "<text>"}`
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from permissions.errors import InvalidChangeError

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a manifest: what it holds is stored in one transaction, of which embedded servers take no 8 MB."""
MOST: Final = 2_000
"""Documents of a manifest."""
LONGEST_ID: Final = 128

APOLLO: Final = "apollo-persisted-query-manifest"
IDENTIFIER: Final = re.compile(r"(?:x-[A-Za-z0-9._~-]+:)?[A-Za-z0-9._~-]+", re.ASCII)
"""A document identifier of GraphQL over HTTP, Appendix A, but for `sha256:`, which goes without saying."""
SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
SHA256_PREFIX: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Entry:
    """A document, and what clients call it."""

    id: str
    text: str

    @property
    def sha256(self) -> str:
        """Of its text."""
        return digest(self.text)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 lower-case hexadecimal digits."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def parse(written: bytes | str) -> list[Entry]:
    """The documents of a manifest, each once. Raise `InvalidChangeError` where it is none, or names what it isn't."""
    if len(written) > LARGEST:
        raise _invalid(f"is larger than {LARGEST:,} bytes: register it in parts")
    try:
        manifest = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise _invalid("is not JSON") from error
    if not isinstance(manifest, dict):
        raise _invalid("is not an object: see the formats that are taken")
    entries = list(dict.fromkeys(_apollo(manifest) if "format" in manifest else _mapped(manifest)))
    if not entries:
        raise _invalid("holds no documents")
    if len(entries) > MOST:
        raise _invalid(f"holds more than {MOST:,} documents: register it in parts")
    if len({each.id for each in entries}) < len(entries):
        raise _invalid("gives different documents one id")
    return entries


def _apollo(manifest: Mapping[str, Any]) -> Iterator[Entry]:
    version, operations = manifest.get("version"), manifest.get("operations")
    if manifest["format"] != APOLLO or type(version) is not int or version != 1:
        raise _invalid(f"is of a format that is not known: `{APOLLO}`, version 1, is")
    if not isinstance(operations, list):
        raise _invalid("has no list of `operations`")
    for each in operations:
        if not isinstance(each, dict):
            raise _invalid("has an operation that is no object")
        yield _entry(each.get("id"), each.get("body"))


def _mapped(manifest: Mapping[str, Any]) -> Iterator[Entry]:
    for id_, text in manifest.items():
        yield _entry(id_, text)


def _entry(id_: object, text: object) -> Entry:
    if not isinstance(id_, str) or not isinstance(text, str):
        raise _invalid("has an operation without an id or a text")
    bare = id_.removeprefix(SHA256_PREFIX)
    if len(bare) > LONGEST_ID or not IDENTIFIER.fullmatch(bare):
        raise _invalid(f"has an id that is none: 1 to {LONGEST_ID} letters, digits, `-`, `.`, `_` and `~`")
    entry = Entry(bare, text)
    if (bare != id_ or SHA256_HEX.fullmatch(bare)) and entry.sha256 != bare:
        raise _invalid(f"has the id `{bare[:LONGEST_ID]}`, which is a SHA-256, and not that of its text")
    return entry


def _invalid(reason: str) -> InvalidChangeError:
    return InvalidChangeError("manifest", f"the manifest {reason}")
