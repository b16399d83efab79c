"""Whatever is done to one record is found, and named."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.database import Record
from permissions.audit.chain import GENESIS, Finding, Head, Sealer, Verifier, anchor, anchored
from tests.audited import SEALER

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def record(number: int) -> Record:
    return {"at": START + timedelta(seconds=number), "kind": "decision", "by": f"u{number % 3}", "decided_by": ["r"]}


def chain(*sizes: int) -> list[Record]:
    """Blocks of so many records."""
    head, blocks, number = GENESIS, [], 0
    for size in sizes:
        block = SEALER.block(head, [record(number + place) for place in range(size)], START)
        number += size
        head = Head.of(block)
        blocks.append(block)
    return blocks


def findings(blocks: list[Record], sealer: Sealer = SEALER) -> list[Finding]:
    verifier = Verifier(sealer)
    return [found for block in blocks for found in verifier.follow(block)]


SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=6)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.binary(max_size=3))


@given(SIZES)
def test_an_untouched_chain_has_no_findings(sizes: list[int]) -> None:
    assert findings(chain(*sizes)) == []


@given(SIZES, st.data())
def test_an_edited_record_is_named_and_no_other(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    place = data.draw(st.integers(0, len(block["records"]) - 1))
    touched = block["records"][place]
    field = data.draw(st.sampled_from(["at", "kind", "by", "decided_by", "reason", "seal"]))
    value = data.draw(VALUES.filter(lambda value: repr(value) != repr(touched.get(field, ...))))
    touched[field] = value
    found = findings(blocks)
    assert {each.block for each in found} == {block["_id"]}
    assert {each.record for each in found} <= {place, None}
    assert found


@given(SIZES, st.data())
def test_a_removed_field_is_found(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    place = data.draw(st.integers(0, len(block["records"]) - 1))
    del block["records"][place]["by"]
    assert findings(blocks) == [Finding("was edited", block["_id"], place)]


@given(SIZES, st.data())
def test_a_deleted_record_is_missed(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    place = data.draw(st.integers(0, len(block["records"]) - 1))
    del block["records"][place]
    assert findings(blocks) == [Finding("is missing", block["_id"], place)]


@given(SIZES, st.data())
def test_a_deleted_record_whose_block_was_made_to_fit_is_found(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    block["records"].pop()
    block["size"] -= 1
    assert {each.block for each in findings(blocks)} == {block["_id"]}


@given(SIZES, st.data())
def test_an_inserted_record_is_named(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    place = data.draw(st.integers(0, len(block["records"])))
    copied = deepcopy(data.draw(st.sampled_from(data.draw(st.sampled_from(blocks))["records"])))
    block["records"].insert(place, copied)
    found = findings(blocks)
    assert {each.block for each in found} == {block["_id"]}
    assert copied["n"] in {each.record for each in found}


@given(st.lists(st.integers(2, 5), min_size=1, max_size=4), st.data())
def test_swapped_records_are_found(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block = data.draw(st.sampled_from(blocks))
    records = block["records"]
    one, other = data.draw(st.permutations(range(len(records))))[:2]
    records[one], records[other] = records[other], records[one]
    found = findings(blocks)
    assert {each.what for each in found} == {"was moved"}
    assert {each.block for each in found} == {block["_id"]}


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), st.data())
def test_a_deleted_block_is_missed(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    gone = data.draw(st.integers(0, len(blocks) - 2))  # that the last is gone, only the anchor tells
    number = blocks.pop(gone)["_id"]
    assert findings(blocks) == [Finding("is missing", number)]


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), st.data())
def test_swapped_blocks_are_found(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    one, other = data.draw(st.permutations(range(len(blocks))))[:2]
    blocks[one]["_id"], blocks[other]["_id"] = blocks[other]["_id"], blocks[one]["_id"]
    blocks.sort(key=lambda block: int(block["_id"]))
    assert {blocks[one]["_id"], blocks[other]["_id"]} <= {each.block for each in findings(blocks)}


@given(SIZES, st.data())
def test_any_edit_of_a_block_itself_is_found_there(sizes: list[int], data: st.DataObject) -> None:
    blocks = chain(*sizes)
    block: dict[str, Any] = data.draw(st.sampled_from(blocks))
    field = data.draw(st.sampled_from(["at", "key", "previous", "size", "digest"]))
    block[field] = data.draw(VALUES.filter(lambda value: repr(value) != repr(block[field])))
    found = findings(blocks)
    assert found
    assert block["_id"] in {each.block for each in found}


def test_a_chain_made_anew_with_another_key_is_found_at_every_block() -> None:
    forger = Sealer("what somebody guessed, who can write to the database")
    found = findings(chain(2, 2), forger)
    assert [str(each) for each in found] == [
        "block 1: was sealed under another PARLEY_SECRET_KEY",
        "block 2: was sealed under another PARLEY_SECRET_KEY",
    ]


def test_a_head_kept_elsewhere_comes_back_and_a_forged_one_does_not() -> None:
    head = Head.of(chain(1, 1)[-1])
    text = anchor(head, SEALER)
    assert anchored(text, SEALER) == head
    assert anchored(text.replace("[2,", "[1,"), SEALER) is None
    assert anchored(anchor(head, Sealer("another secret, of somebody else's")), SEALER) is None
    assert [anchored(wrong, SEALER) for wrong in ("", "null", "[]", "[1,2,3,4]", '[1,"x",1,"y"]')] == [None] * 5
