"""What a restore to the past does not take back."""

from typing import Any

import pytest

from models.backup.changes import Change, Kind
from models.backup.folding import Folding, Two, fold
from models.backup.keeping import restored
from models.backup.restoring import portable

OLD = {"_id": 1, "email": "old@example.org", "attributes": {"region": "EMEA"}, "password_hash": "leaked"}
NEW = {"_id": 1, "email": "new@example.org", "attributes": {}, "password_hash": "fresh", "disabled": True}


@pytest.mark.parametrize(
    ("collection", "then", "last", "wanted"),
    [
        ("conversations", {"_id": 1, "title": "then"}, {"_id": 1, "title": "last"}, {"_id": 1, "title": "then"}),
        ("conversations", {"_id": 1}, None, {"_id": 1}),
        ("conversations", None, {"_id": 1}, None),
        ("revocation_rules", None, {"_id": "r"}, {"_id": "r"}),
        ("revocation_rules", {"_id": "r"}, None, None),
        ("signing_keys", {"_id": "k", "encrypted_private_key": b"leaked"}, {"_id": "k"}, {"_id": "k"}),
        ("audit_blocks", None, {"_id": 7}, {"_id": 7}),
        ("users", OLD, NEW, {**OLD, "password_hash": "fresh", "disabled": True}),
        ("users", OLD, None, OLD),
        ("users", None, NEW, None),
        ("buckets", {"_id": 1, "indexed_to": 3}, None, {"_id": 1, "unindexed": True}),
        ("buckets", None, {"_id": 1}, None),
        ("erasures", None, None, None),
        ("erasures", {"_id": 1, "done_at": 5}, {"_id": 1, "done_at": 5}, {"_id": 1, "done_at": 5}),
        (
            "erasures",
            None,
            {"_id": 1, "requested_at": 4, "by": 2, "counted": "x", "messages": 3, "done_at": 5},
            {"_id": 1, "requested_at": 4, "by": 2, "messages": 0, "done_at": None},
        ),
        (
            "erasures",
            {"_id": 1, "requested_at": 4, "done_at": None, "messages": 2},
            {"_id": 1, "requested_at": 4, "done_at": 5, "messages": 3},
            {"_id": 1, "requested_at": 4, "messages": 0, "done_at": None},
        ),
    ],
)
def test_what_is_stored_of_what_was_then_and_what_was_last(collection: str, then: Any, last: Any, wanted: Any) -> None:
    assert restored(collection, Two(then, last)) == wanted


def put(at: int, **fields: Any) -> Change:
    return Change(at, Kind.PUT, "things", 1, {"_id": 1, **fields})


def changed(at: int, **fields: Any) -> Change:
    content = {"cut": [], "unset": [], "set": [[[name], value] for name, value in fields.items()]}
    return Change(at, Kind.UPDATE, "things", 1, content)


GONE = Change(7, Kind.DELETE, "things", 1)


@pytest.mark.parametrize(
    ("changes", "then", "last"),
    [
        ([], {"_id": 1}, {"_id": 1}),
        ([changed(5, a=1)], {"_id": 1, "a": 1}, {"_id": 1, "a": 1}),
        ([changed(6, a=1)], {"_id": 1}, {"_id": 1, "a": 1}),
        ([changed(5, a=1), changed(6, a=2)], {"_id": 1, "a": 1}, {"_id": 1, "a": 2}),
        ([GONE], {"_id": 1}, None),
        ([put(4, a=1), GONE, put(8, b=2)], {"_id": 1, "a": 1}, {"_id": 1, "b": 2}),
        ([Change(5, Kind.DELETE, "things", 1), changed(6, a=1)], None, None),
    ],
)
def test_a_document_at_a_moment_and_at_the_end(changes: list[Change], then: Any, last: Any) -> None:
    assert fold({"_id": 1}, changes, 5) == Two(then, last)


def test_what_the_copy_held_twice_comes_once() -> None:
    """It was deleted and made again while it was copied."""
    with Folding([Change(3, Kind.DELETE, "things", 1), put(4, a=1)], at=5) as folding:
        assert folding.document("things", {"_id": 1}) == Two({"_id": 1, "a": 1}, {"_id": 1, "a": 1})
        assert folding.document("things", {"_id": 1, "a": 1}) is None
        assert list(folding.newer("things")) == []


def test_what_stood_in_a_dropped_collection_is_gone_from_then_on() -> None:
    dropped = Change(4, Kind.DROP, "things")
    for at, then in ((3, {"_id": 2}), (4, None)):
        with Folding([dropped, put(5)], at) as folding:
            assert folding.document("things", {"_id": 2}) == Two(then, None)
            assert list(folding.newer("things")) == [Two(None, {"_id": 1})]


def test_indexes_that_come_by_themselves_are_not_made() -> None:
    """So a backup of a sharded cluster can be restored anywhere."""
    keys: list[Any] = [{"_id": 1}, {"_id": "hashed"}, {"conversation_id": "hashed"}, {"conversation_id": 1}]
    names = ["_id_", "_id_hashed", "conversation_id_hashed", "address"]
    made = [portable({"name": name, "key": key}) for name, key in zip(names, keys, strict=True)]
    assert made == [False, False, False, True]
