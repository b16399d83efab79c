"""Manifests: which are read, and what is said of others."""

import json
from typing import Any

import pytest

from permissions.errors import InvalidChangeError
from permissions.operations.manifest import LARGEST, LONGEST_ID, MOST, Entry, digest, parse

TEXT = "{ me { id } }"
HASH = digest(TEXT)
OTHER = digest("{ me { email } }")


def apollo(*operations: Any, **changed: Any) -> dict[str, Any]:
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [*operations], **changed}


@pytest.mark.parametrize(
    ("manifest", "ids"),
    [
        (apollo({"id": HASH, "body": TEXT, "name": "Me", "type": "query"}), [HASH]),
        (apollo({"id": "Me-v1.2_~", "body": TEXT, "name": "Me", "type": "query"}), ["Me-v1.2_~"]),
        ({"0b5a3c58b26d3f5b8d5f1a1ad3cbbbf0": TEXT, HASH: TEXT}, ["0b5a3c58b26d3f5b8d5f1a1ad3cbbbf0", HASH]),
        ({f"sha256:{HASH}": TEXT}, [HASH]),
        ({"x-md5:0b5a3c58": TEXT}, ["x-md5:0b5a3c58"]),
        (apollo({"id": "a", "body": TEXT}, {"id": "a", "body": TEXT}), ["a"]),
        ({"i" * LONGEST_ID: TEXT}, ["i" * LONGEST_ID]),
    ],
)
def test_the_formats_of_the_clients_tools_are_read(manifest: Any, ids: list[str]) -> None:
    assert parse(json.dumps(manifest)) == [Entry(id_, TEXT) for id_ in ids]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([], "not an object"),
        (None, "not an object"),
        ({}, "no documents"),
        (apollo(), "no documents"),
        (apollo(version=2), "format"),
        (apollo(version=True), "format"),
        (apollo(version="1"), "format"),
        (apollo(format="x"), "format"),
        (apollo(format=None), "format"),
        (apollo(operations={}), "no list"),
        (apollo(None), "no object"),
        (apollo({"id": "a"}), "without"),
        (apollo({"body": TEXT}), "without"),
        ({"a": None}, "without"),
        ({"a": {"text": TEXT}}, "without"),
        ({"": TEXT}, "id that is none"),
        ({"i" * (LONGEST_ID + 1): TEXT}, "id that is none"),
        ({"a b": TEXT}, "id that is none"),
        ({"a\n": TEXT}, "id that is none"),
        ({"$where": TEXT}, "id that is none"),
        ({"md5:0b5a": TEXT}, "id that is none"),
        ({"x-:a": TEXT}, "id that is none"),
        ({OTHER: TEXT}, "not that of its text"),
        ({"sha256:abc": TEXT}, "not that of its text"),
        (apollo({"id": "a", "body": TEXT}, {"id": "a", "body": TEXT + " "}), "different documents one id"),
        ({f"a{number}": TEXT for number in range(MOST + 1)}, "more than"),
        (" " * (LARGEST + 1), "larger"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(manifest: Any, said: str) -> None:
    with pytest.raises(InvalidChangeError, match=said) as refused:
        parse(manifest if isinstance(manifest, str) else json.dumps(manifest))
    assert refused.value.field == "manifest"
    assert len(str(refused.value)) < 400
